<?php
require __DIR__ . '/session.inc.php';
$to = preg_match('/^[a-z]+$/', $_GET['to'] ?? '') ? $_GET['to'] : 'index';
go("/$to.php?jumped=1");
