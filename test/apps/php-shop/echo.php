<?php
// What reached the application: the target and fields that could betray a session ID.
header('Content-Type: text/plain; charset=UTF-8');
echo json_encode(['target' => $_SERVER['REQUEST_URI'], 'referer' => $_SERVER['HTTP_REFERER'] ?? null, 'cookies' => array_keys($_COOKIE)]), "\n";
