<?php
require __DIR__ . '/session.inc.php';
$_SESSION = [];
session_destroy();
setcookie('PHPSESSID', '', 1, '/');
setcookie('remember', '', 1, '/');
go('goodbye.php');
