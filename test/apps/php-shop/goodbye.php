<?php
// Starts no session, so that a logged-out visitor stays without one.
header('Content-Type: text/html; charset=UTF-8');
?>
<!DOCTYPE html><html><head><title>Goodbye</title></head><body><h1>Goodbye</h1><a href="index.php">home</a></body></html>
