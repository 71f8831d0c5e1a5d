<?php
require __DIR__ . "/app.inc.php";
page("index");
