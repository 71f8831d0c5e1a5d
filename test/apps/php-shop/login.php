<?php
require __DIR__ . '/session.inc.php';
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    if (($_POST['password'] ?? '') === 'tea' && ($_POST['user'] ?? '') !== '') {
        session_regenerate_id(true);
        $_SESSION['user'] = $_POST['user'];
        setcookie('remember', $_POST['user'], time() + 3600, '/', '', false, true);
        go('account.php');
    }
    $note = '<p class="wrong">Wrong password.</p>';
}
page('Log in', ($note ?? '') . '<form method="post"><input name="user"><input type="password" name="password"><button>Log in</button></form>');
