<?php
require __DIR__ . "/app.inc.php";
header("Content-Type: application/json");
echo json_encode($_SESSION), "\n";
