<?php
// One application, run twice: by PHP with trans-sid, and by PHP with cookies only behind the proxy. Its pages show all of
// the session's contents, so that equal pages mean equal sessions.
ini_set('session.cache_limiter', '');
session_start();
$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;

function page(string $title, string $more = ''): void
{
    $session = htmlspecialchars(json_encode($_SESSION));
    $post = htmlspecialchars(json_encode(array_diff_key($_POST, [session_name() => 1])));
    $get = htmlspecialchars(json_encode(array_diff_key($_GET, [session_name() => 1])));
    $files = htmlspecialchars(json_encode(array_map(fn ($f) => [$f['name'], md5_file($f['tmp_name'])], $_FILES)));
    $theme = htmlspecialchars($_COOKIE['theme'] ?? 'none');
    echo "<!DOCTYPE html><html><head><title>$title</title></head><body><h1>$title</h1>
<p>session $session</p><p>post $post</p><p>get $get</p><p>files $files</p><p>theme $theme</p>
<a href=\"index.php\">home</a> <a href='index.php?a=1&amp;b=2#end'>query</a> <a href=./?x=1>dot</a> <a href=\"\">self</a>
<a href=\"logout.php\">logout</a> <a href=\"redirect.php\">redirect</a> <a href=\"theme.php\">theme</a> <a href=\"renew.php\">renew</a>
<a href=\"http://other.example/x\">foreign</a> <a href=\"mailto:a@b.example\">mail</a> <a href=\"#end\">end</a>
<form name=\"search\" action=\"search.php\"><input name=\"q\"></form>
<form name=\"login\" method=\"post\" action=\"login.php\"><input name=\"user\"></form>
<form name=\"upload\" method=\"post\" action=\"upload.php\" enctype=\"multipart/form-data\"><input type=\"file\" name=\"f\"></form>
<form name=\"plain\" method=\"post\" action=\"login.php?step=2\"><input name=\"user\"></form>
<form name=\"foreign\" method=\"post\" action=\"http://other.example/login\"><input name=\"user\"></form>
<iframe src=\"frame.php\"></iframe><map><area href=\"index.php?area\"></map>
$more<p id=\"end\">end</p></body></html>\n";
}
