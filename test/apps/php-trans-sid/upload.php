<?php
require __DIR__ . "/app.inc.php";
$_SESSION["uploads"] = ($_SESSION["uploads"] ?? 0) + count($_FILES);
page("upload");
