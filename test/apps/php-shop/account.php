<?php
require __DIR__ . '/session.inc.php';
if (!isset($_SESSION['user'])) {
    go('login.php?from=account');
}
$cookies = array_keys($_COOKIE);
sort($cookies);
page('Account', '<p id="cookies">' . h(implode(' ', $cookies)) . '</p><p id="orders">' . count($_SESSION['orders'] ?? []) . ' orders</p>');
