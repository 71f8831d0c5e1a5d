<?php
require __DIR__ . '/session.inc.php';
$words = $_GET['q'] ?? '';
$keys = implode(',', array_keys($_GET));
page('Search', '<form action="search.php"><input name="q" value="' . h($words) . '"><input type=hidden name=sort value=price><input type=submit></form>'
    . '<p id="query">' . h($keys) . '</p><p id="found">' . h($words) . ' found by ' . h($_SESSION['user'] ?? 'nobody') . '</p>');
