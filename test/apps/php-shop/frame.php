<?php
require __DIR__ . '/session.inc.php';
page('Frame', '<p>' . (isset($_SESSION['user']) ? 'inside' : 'outside') . '</p>');
