<?php
require __DIR__ . "/app.inc.php";
if ($_SERVER["REQUEST_METHOD"] === "POST") {
    $_SESSION["user"] = $_POST["user"] ?? "nobody";
}
page("login");
