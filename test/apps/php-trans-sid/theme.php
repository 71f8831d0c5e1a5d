<?php
require __DIR__ . "/app.inc.php";
setcookie("theme", "dark");
page("theme");
