<?php
// Every page of this application begins here: a session by cookie only, as PHP 9 will have it, and a page frame.
session_name('PHPSESSID');
session_start();
$_SESSION['pages'] = ($_SESSION['pages'] ?? 0) + 1;

function h(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE);
}

function page(string $title, string $body): void
{
    $user = isset($_SESSION['user']) ? '<b id="user">' . h($_SESSION['user']) . '</b>' : '<i>guest</i>';
    header('Content-Type: text/html; charset=UTF-8');
    echo '<!DOCTYPE html><html><head><title>', h($title), '</title></head><body>', "\n";
    echo '<p>', $user, ', page <span id="pages">', $_SESSION['pages'], "</span></p>\n";
    echo "<ul>\n<li><a href=\"index.php\">home</a>\n<li><a href='search.php?q=tea&amp;sort=name'>search</a>\n";
    echo "<li><a href=/order.php>order</a>\n<li><a href=\"login.php\">log in</a>\n<li><a href=\"account.php\">account</a>\n";
    echo "<li><a href=\"logout.php?now=1\">log out</a>\n<li><a href=\"https://www.example.org/?a=1\">elsewhere</a>\n</ul>\n";
    echo '<h1>', h($title), "</h1>\n", $body, "\n</body></html>\n";
}

function go(string $location, int $status = 302): never
{
    header("Location: $location", true, $status);
    exit;
}
