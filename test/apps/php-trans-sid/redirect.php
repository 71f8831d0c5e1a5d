<?php
require __DIR__ . "/app.inc.php";
header("Location: index.php?from=redirect", true, 302);
page("redirect");
