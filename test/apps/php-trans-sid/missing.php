<?php
require __DIR__ . "/app.inc.php";
http_response_code(404);
page("missing");
