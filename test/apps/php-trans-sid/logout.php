<?php
require __DIR__ . "/app.inc.php";
$_SESSION = [];
session_destroy();
page("logout");
