<?php
// PHP's own rewriting for many pages in one process. One case a line of JSON on standard input, one answer a line on
// standard output; byte strings are base64.
//
// case: {"ini": {name: value}, "httpHost": value|null, "vars": [[name, value]], "chunks": [bytes]}; every chunk but the
// last is followed by ob_flush(). answer: bytes. With the argument "session" the session's rewriter is asked (its name
// and id are fixed for the process and `vars` is not used), else the one of output variables.
error_reporting(E_ALL);
ini_set('display_errors', 'stderr');
$isSession = ($argv[1] ?? '') === 'session';
$captured = '';
ob_start(function (string $bytes) use (&$captured): string {
    $captured .= $bytes;
    return '';
}, 1);
if ($isSession) {
    session_name($argv[2]);
    session_id($argv[3]);
    session_start();
}
$standard = [
    'session.trans_sid_tags' => 'a=href,area=href,frame=src,form=',
    'session.trans_sid_hosts' => '',
    'url_rewriter.tags' => 'form=',
    'url_rewriter.hosts' => '',
    'arg_separator.output' => '&',
];
while (($line = fgets(STDIN)) !== false) {
    $case = json_decode($line, true);
    foreach ($standard as $name => $value) {
        $wanted = isset($case['ini'][$name]) ? base64_decode($case['ini'][$name]) : $value;
        if (ini_set($name, $wanted) === false) {
            fwrite(STDERR, "cannot set $name\n");
            exit(1);
        }
    }
    if ($case['httpHost'] === null) {
        unset($_SERVER['HTTP_HOST']);
    } else {
        $_SERVER['HTTP_HOST'] = base64_decode($case['httpHost']);
    }
    if (!$isSession) {
        output_reset_rewrite_vars();
        foreach ($case['vars'] as [$name, $value]) {
            output_add_rewrite_var(base64_decode($name), base64_decode($value));
        }
    }
    // From whatever state the last page left, these bytes lead to plain text; the flush forgets the values seen.
    echo '1 1 1 1 ';
    ob_flush();
    $captured = '';
    foreach ($case['chunks'] as $chunk) {
        echo base64_decode($chunk);
        ob_flush();
    }
    fwrite(STDOUT, base64_encode($captured) . "\n");
}
