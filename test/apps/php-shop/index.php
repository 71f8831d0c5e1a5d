<?php
require __DIR__ . '/session.inc.php';
page('Home', '<p><a href="?again=1#end">again</a> <a href="jump.php?to=order">jump</a></p><iframe src="frame.php"></iframe><p id=end>');
