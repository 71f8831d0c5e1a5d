<?php
// PHP's own rewriter, inside one request: reads "MILLISECONDS FILE" a line, answers "MICROSECONDS-PER-PAGE MARKS".
// Run with -d 'url_rewriter.tags="a=href,area=href,frame=src,iframe=src,form="'.
function cpu(): float {
    $usage = getrusage();
    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e6 + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
}
$output = '';
ob_start(function ($rewritten) use (&$output) { $output = $rewritten; return ''; }, 1);
output_add_rewrite_var('PHPSESSID', 'a1b2c3d4e5f6g7h8i9j0k1l2m3');
while (($line = fgets(STDIN)) !== false) {
    [$milliseconds, $file] = explode(' ', trim($line), 2);
    $page = file_get_contents($file);
    $end = hrtime(true) + $milliseconds * 1e6;
    $spent = 0;
    $count = 0;
    do {
        $before = cpu();
        echo $page;
        ob_flush();
        $spent += cpu() - $before;
        $count++;
    } while (hrtime(true) < $end);
    $marks = substr_count($output, 'a1b2c3d4e5f6g7h8i9j0k1l2m3');
    fwrite(STDERR, $spent / $count . " $marks\n");
}
