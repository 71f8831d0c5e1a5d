<?php
require __DIR__ . '/session.inc.php';
if (!isset($_SESSION['user'])) {
    go('/login.php?from=order');
}
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $_SESSION['orders'][] = $_POST['item'] ?? '';
    $_SESSION['last'] = implode(',', array_keys($_POST)) . ' ' . implode(',', array_keys($_GET))
        . ' ' . (isset($_FILES['note']) ? $_FILES['note']['size'] . ' ' . md5_file($_FILES['note']['tmp_name']) : 'no file');
    go('http://' . $_SERVER['HTTP_HOST'] . '/order.php?done=' . count($_SESSION['orders']), 303);
}
page('Order', '<form method="post" action="/order.php" enctype="multipart/form-data"><input name="item" value="kettle"><input type="file" name="note"><button>Order</button></form>'
    . '<p id="orders">' . count($_SESSION['orders'] ?? []) . '</p><p id="last">' . h($_SESSION['last'] ?? '') . '</p>');
