<?php
// A login by the book: another ID from here on, and the old one is gone.
require __DIR__ . "/app.inc.php";
session_regenerate_id(true);
$_SESSION["renewed"] = ($_SESSION["renewed"] ?? 0) + 1;
page("renew");
