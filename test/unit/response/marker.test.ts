import { expect } from 'chai';
import type { Explanation } from '../../../src/response/marker.ts';
import { DEFAULT_TAGS, type MarkPageOptions, markPage } from '../../support/mark-page.ts';

const PAIR = 'sid=0123456789abcdefghijklmnop';
const FIELD = '<input type="hidden" name="sid" value="0123456789abcdefghijklmnop" />';

/** In the expectations `§` stands for the pair, `[H]` for the hidden field. */
function written(want: string): string {
  return want.replaceAll('§', PAIR).replaceAll('[H]', FIELD);
}

/** Rows of input and output; `=` for unchanged. */
function rows(title: string, cases: ReadonlyArray<readonly [string, string]>, options: MarkPageOptions = {}): void {
  describe(title, () => {
    for (const [html, want] of cases) {
      it(JSON.stringify(html), () => {
        expect(markPage(html, options).html).to.equal(want === '=' ? html : written(want));
      });
    }
  });
}

rows('marker: links', [
  ['<a href="x">', '<a href="x?§">'],
  ["<a href='x'>", "<a href='x?§'>"],
  ['<a href=x>', '<a href=x?§>'],
  ['<a href=/x/>', '<a href=/x/?§>'],
  ['<A  HREF = "x">', '<A  HREF = "x?§">'],
  ['<a href="">', '<a href="?§">'],
  ['<a href=>', '<a href=?§>'],
  ['<a href= >', '<a href= ?§>'],
  ['<a href>', '<a href="?§">'],
  ['<a href x>', '<a href="?§" x>'],
  ['<a>', '='],
  ['<a name="x">', '='],
  ['<a href="x" href="y">', '<a href="x?§" href="y">'],
  ['<a data-href="x" xhref="y" hrefx="z">', '='],
  ['<a title="a>b" href="x">', '<a title="a>b" href="x?§">'],
  ['<a href="x?a=1&b=2">', '<a href="x?a=1&b=2&amp;§">'],
  ['<a href="x?a=1&amp;b=2#f">', '<a href="x?a=1&amp;b=2&amp;§#f">'],
  ['<a href="x?a&copy">', '<a href="x?a&copy&amp;§">'],
  ['<a href="#top">', '='],
  ['<a href=" #top">', '='],
  ['<a href="&num;top">', '='],
  ['<a href="x&num;top">', '<a href="x?§&num;top">'],
  ['<a href="x&#35top">', '<a href="x?§&#35top">'],
  ['<a href="x?a&#35;b">', '<a href="x?a&amp;§&#35;b">'],
  ['<a href="x&quest;a">', '<a href="x&quest;a&amp;§">'],
  ['<a href=" x ">', '<a href=" x?§ ">'],
  ['<a href="\nx?a\n">', '<a href="\nx?a&amp;§\n">'],
  ['<a href="x\t#\tf">', '<a href="x\t?§#\tf">'],
  ['<a href="&#32;x&#32;">', '<a href="&#32;x?§&#32;">'],
  ['<a href="caf\xE9/\x83\\?\xFF">', '<a href="caf\xE9/\x83\\?\xFF&amp;§">'],
  ['<a href="{{link}}">', '<a href="{{link}}?§">'],
  ['<a href="http://shop.example">', '<a href="http://shop.example/?§">'],
  ['<a href="http://shop.example/x">', '<a href="http://shop.example/x?§">'],
  ['<a href="http://shop.example//x">', '<a href="http://shop.example//x?§">'],
  ['<a href="http://shop.example?x">', '<a href="http://shop.example?x&amp;§">'],
  ['<a href="http://shop.example#x">', '<a href="http://shop.example?§#x">'],
  ['<a href="HTTP://SHOP.EXAMPLE/x">', '<a href="HTTP://SHOP.EXAMPLE/x?§">'],
  ['<a href="//shop.example/x">', '<a href="//shop.example/x?§">'],
  ['<a href="http:x">', '<a href="http:x?§">'],
  ['<a href="http&colon;//shop.example/x">', '<a href="http&colon;//shop.example/x?§">'],
  ['<area href=x>', '<area href=x?§>'],
  ['<frameset><frame src="x"><frame src="">', '<frameset><frame src="x?§"><frame src="">'],
  ['<iframe src=x></iframe><iframe src></iframe>', '<iframe src=x?§></iframe><iframe src></iframe>'],
  ['<noscript><a href=x></noscript>', '<noscript><a href=x?§></noscript>'],
  ['<template><a href=x></template>', '<template><a href=x?§></template>'],
  ['<svg><a href=x xlink:href=y></svg>', '<svg><a href=x?§ xlink:href=y?§></svg>'],
  ['<a xlink:href=y>', '='],
  ['<math><a href=x xlink:href=y><mi><a href=z></math>', '<math><a href=x?§ xlink:href=y><mi><a href=z?§></math>'],
  ['<math><a href=//evil.test><mrow href=x><area href=x></math>', '='],
  ['<img src=x><script src=x></script><link rel=stylesheet href=x>', '='],
  ['<q cite=x><a ping=x href=//evil.test>', '='],
]);

rows('marker: what leads elsewhere stays as it stands', [
  ['<a href="http://evil.test/x">', '='],
  ['<a href="//evil.test/x">', '='],
  ['<a href="\\\\evil.test/x">', '='],
  ['<a href="/\\evil.test/x">', '='],
  ['<a href="/\t/evil.test/x">', '='],
  ['<a href="/&Tab;/evil.test/x">', '='],
  ['<a href="&#x2f;&#47;evil.test/x">', '='],
  ['<a href="http&colon;//evil.test/x">', '='],
  ['<a href="&sol;&sol;evil.test/x">', '='],
  ['<a href="https:evil.test/x">', '='],
  ['<a href="http://shop.example@evil.test/x">', '='],
  ['<a href="http://shop.example.evil.test/">', '='],
  ['<a href="http://shop.example:8443/">', '='],
  ['<a href="http://shop.example&period;evil.test/">', '='],
  ['<a href="http://shop.example&shy;/">', '='],
  ['<a href="javascript:x()">', '='],
  ['<a href="java&#10;script:x">', '='],
  ['<a href="java&NewLine;script&colon;x">', '='],
  ['<a href="mailto:a@b"><a href="tel:1"><a href="data:,x"><a href="blob:http://shop.example/x">', '='],
  ['<iframe src="//evil.test"></iframe><form action="//evil.test" method=post></form>', '='],
]);

rows('marker: an old value is replaced, never doubled', [
  ['<a href="x?sid=old">', '<a href="x?§">'],
  ['<a href="x?sid=old&amp;b#f">', '<a href="x?§&amp;b#f">'],
  ['<a href="x?a=1&amp;sid=old">', '<a href="x?a=1&amp;§">'],
  ['<a href="x?a=1&sid=old&sid=older">', '<a href="x?a=1&§">'],
  ['<a href="x?a=1;sid=old">', '<a href="x?a=1;§">'],
  ['<a href="x?%73id=old">', '<a href="x?§">'],
  ['<a href="x?s&#105;d=old">', '<a href="x?§">'],
  ['<a href="x?a&#38;sid=old">', '<a href="x?a&#38;§">'],
  [`<a href="x?${PAIR}">`, '='],
  [`<a href="x?a&amp;${PAIR}#f">`, '='],
]);

const CAFE = '<base href="/caf\xC3\xA9/?q=\xC3\xA9"><a href=x?§><a href="?q=%C3%A9&amp;§">';
rows('marker: base', [
  ['<base href="http://evil.test/"><a href=x><a href=/x>', '='],
  [
    '<base href="//evil.test/"><a href="http://shop.example/x">',
    '<base href="//evil.test/"><a href="http://shop.example/x?§">',
  ],
  ['<a href=x><base href="//evil.test/"><a href=y>', '<a href=x?§><base href="//evil.test/"><a href=y>'],
  ['<base href="/other/"><a href=x>', '<base href="/other/"><a href=x?§>'],
  ['<base target=_top><base href=//evil.test><a href=x>', '='],
  ['<base href="/a/"><base href=//evil.test><a href=x>', '<base href="/a/"><base href=//evil.test><a href=x?§>'],
  ['<base href="data:,x"><a href=x>', '<base href="data:,x"><a href=x?§>'],
  ['<base href="http://["><a href=x>', '<base href="http://["><a href=x?§>'],
  ['<base href="http://sh\xBAp.example/"><a href=x>', '='],
  // `пример.рф` and `例え.jp` in UTF-8: what a parser makes of their single bytes is no URL, and yet a browser goes there.
  ['<base href="http://\xD0\xBF\xD1\x80.\xD1\x80\xD1\x84/"><a href=x>', '='],
  ['<base href="//\xE4\xBE\x8B\xE3\x81\x88.jp/"><a href=x>', '='],
  ['<base href="//&eacute;vil.test/"><a href=x>', '='],
  ['<base href="//ev&#x438;l.test/"><a href=x>', '='],
  ['<base href="//shop.example\xAD/"><a href=x>', '='],
  ['<noscript><base href="/own/"></noscript><base href="//\xD1\x80\xD1\x84.test/"><a href=x>', '='],
  ['<base href="/caf\xC3\xA9/?q=\xC3\xA9"><a href=x><a href="">', CAFE],
  ['<svg><base href=//evil.test></svg><a href=x>', '<svg><base href=//evil.test></svg><a href=x?§>'],
  // In doubt, that is once a template was there, a foreign base counts wherever it stands.
  ['<template><base href=/a></template><base href=//evil.test><a href=x>', '='],
  ['<template></template><base href=/a><base href=//evil.test><a href=x>', '='],
  ['<noscript><base href="/own/"></noscript><base href="ftp://evil.test/"><a href=x>', '='],
  ['<select><base href="foo://evil.test/"></select><base href="/own/"><a href=x>', '='],
  ['<noscript><base href="/own/"></noscript><base href="foo:x"><a href=x>', '='],
  [
    '<noscript><base href="/own/"></noscript><base href="data:,x"><a href=x>',
    '<noscript><base href="/own/"></noscript><base href="data:,x"><a href=x?§>',
  ],
  [
    '<noscript><base href="/own/"></noscript><base href="#x"><base href="//a:b"><a href=x>',
    '<noscript><base href="/own/"></noscript><base href="#x"><base href="//a:b"><a href=x?§>',
  ],
  // Without its own host the document's URL must be written out.
  [
    '<base href="//evil.test/"><form method=post>',
    '<base href="//evil.test/"><form action="http://shop.example/dir/page?§" method=post>',
  ],
  ['<base href="/b/"><form method=post>', '<base href="/b/"><form action="/dir/page?§" method=post>'],
  [
    '<base href="blob:http://shop.example/x"><form method=post>',
    '<base href="blob:http://shop.example/x"><form action="http://shop.example/dir/page?§" method=post>',
  ],
]);

rows(
  'marker: a base in doubt that leads to a host that shares SIDs, without TLS',
  [
    ['<noscript><base href="/own/"></noscript><base href="http://friend.test/"><a href=x>', '='],
    [
      '<noscript><base href="/own/"></noscript><base href="https://friend.test/"><a href=x>',
      '<noscript><base href="/own/"></noscript><base href="https://friend.test/"><a href=x?§>',
    ],
  ],
  { url: 'https://shop.example/dir/page', scope: { hosts: ['friend.test'] } },
);

rows('marker: forms', [
  ['<form>x</form>', '<form>[H]x</form>'],
  ['<form action="/s" method=GET>x</form>', '<form action="/s" method=GET>[H]x</form>'],
  ['<form method=nonsense>x</form>', '<form method=nonsense>[H]x</form>'],
  ['<form action="#">x</form>', '<form action="#">[H]x</form>'],
  ['<form action="//evil.test/">x</form>', '='],
  ['<form action="javascript:x">x</form>', '='],
  ['<form method=dialog>x</form>', '='],
  ['<form method=post action="/s">', '<form method=post action="/s?§">'],
  ['<form method=POST action=s>', '<form method=POST action=s?§>'],
  ['<form method=post action="#a">', '<form method=post action="?§#a">'],
  ['<form method=post action="?">', '<form method=post action="?&amp;§">'],
  ['<form method=post>', '<form action="?§" method=post>'],
  ['<form method=post action>', '<form method=post action="?§">'],
  ['<form method=post action=>', '<form method=post action="?§">'],
  ['<form method=post action="">', '<form method=post action="?§">'],
  ["<form action='' method=post>", "<form action='?§' method=post>"],
  ['<form/method=post>', '<form action="?§"/method=post>'],
  ['<form method=post action="//evil.test">', '='],
  // What the page has after a form's start is no part of the next one.
  ['<form>a</form><form method=post>b</form>', '<form>[H]a</form><form action="?§" method=post>b</form>'],
  ['<form>unclosed', '<form>[H]unclosed'],
  // A form in a form is none.
  ['<form><form action=//evil.test>x</form>y', '<form>[H]<form action=//evil.test>x</form>y'],
  ['<form action=//evil.test><form method=post>x</form>y', '='],
  [
    '<template><form><form method=post></form></form></template>',
    '<template><form>[H]<form action="?§" method=post></form></form></template>',
  ],
  ['<form><template><form></template></form>', '<form>[H]<template><form>[H]</template></form>'],
  ['<svg><form method=post></svg>', '='],
]);

describe('marker: a form on a page with a query keeps it', () => {
  const options = { url: 'http://shop.example/dir/page?q=1&r="2"' };
  rows(
    '',
    [
      ['<form method=post>', '<form action="?q=1&#38;r=%222%22&amp;§" method=post>'],
      ['<a href="">', '<a href="?q=1&#38;r=%222%22&amp;§">'],
      ['<a href=>', '<a href=?q&#61;1&#38;r&#61;%222%22&amp;§>'],
      ['<base href="/b/"><a href="">', '<base href="/b/"><a href="?§">'],
      [
        '<base href="/b/"><form method=post>',
        '<base href="/b/"><form action="/dir/page?q=1&#38;r=%222%22&amp;§" method=post>',
      ],
    ],
    options,
  );
  rows('which was marked', [['<form method=post>', '<form action="?q=1&amp;§" method=post>']], {
    url: 'http://shop.example/dir/page?q=1&sid=old',
  });
});

rows('marker: buttons', [
  ['<form><button formaction=/y>x</button></form>', '<form>[H]<button formaction=/y?§>x</button></form>'],
  [
    '<form method=post><button formaction=/y>x</button></form>',
    '<form action="?§" method=post><button formaction=/y?§>x</button></form>',
  ],
  [
    '<form method=post><input type=submit formaction="">',
    '<form action="?§" method=post><input type=submit formaction="?§">',
  ],
  [
    '<form method=post><button formaction=//evil.test>',
    '<form action="?§" method=post><button formaction=//evil.test>',
  ],
  // One way abroad and the field stays out, wherever the button is.
  ['<form><button formaction=//evil.test>x</button></form>', '='],
  // Only what sends a form sends it elsewhere.
  ...['submit', 'Image', 'sub&#109;it'].map(
    (type) => [`<form><input formaction=//evil.test type=${type}></form>`, '='] as const,
  ),
  ...['text', '', 'button', 'RESET', 'submits', 'image&#32;', 'hidden'].map((type): readonly [string, string] => [
    `<form><input formaction=//evil.test type="${type}" type=submit></form>`,
    `<form>[H]<input formaction=//evil.test type="${type}" type=submit></form>`,
  ]),
  ['<form><input formaction=//evil.test></form>', '<form>[H]<input formaction=//evil.test></form>'],
  ...['button', 'Reset'].map((type): readonly [string, string] => [
    `<form><button formaction=//evil.test type=${type}></form>`,
    `<form>[H]<button formaction=//evil.test type=${type}></form>`,
  ]),
  ['<form><button formaction=//evil.test type=text></form>', '='],
  ['<form><button formaction=//evil.test type></form>', '='],
  [
    '<form><input type=hidden name=sid value=old formaction=//evil.test></form>',
    '<form><input type=hidden name=sid value="0123456789abcdefghijklmnop" formaction=//evil.test></form>',
  ],
  ['<form><button formaction="javascript:x">x</button></form>', '='],
  ['<form><p><input type=image formaction=//evil.test></form>', '='],
  [
    '<form><button formaction=//evil.test form=g>x</button></form>',
    '<form>[H]<button formaction=//evil.test form=g>x</button></form>',
  ],
  ['<form id=f>a</form><button form=f formaction=//evil.test>x</button>', '='],
  [
    '<form id=f>a</form><button form=f formaction=/own>x</button>',
    '<form id=f>[H]a</form><button form=f formaction=/own?§>x</button>',
  ],
  [
    '<form id=f>a</form><button form=F formaction=//evil.test>x</button>',
    '<form id=f>[H]a</form><button form=F formaction=//evil.test>x</button>',
  ],
  ['<button form=f formaction=//evil.test>x</button><form id="&#102;">a</form>', '='],
  [
    '<form id=f>a</form><form id=g>b</form><button form=g formaction=//evil.test>',
    '<form id=f>[H]a</form><form id=g>b</form><button form=g formaction=//evil.test>',
  ],
  [
    '<button formaction=//evil.test>x</button><form>a</form>',
    '<button formaction=//evil.test>x</button><form>[H]a</form>',
  ],
  // Another method than the form's.
  [
    '<form action=/s><button formmethod=post>x</button></form>',
    '<form action=/s><button formaction="/s?§" formmethod=post>x</button></form>',
  ],
  [
    '<form><input type=submit formmethod=POST></form>',
    '<form><input formaction="?§" type=submit formmethod=POST></form>',
  ],
  [
    '<form><button type=button formmethod=post>x</button></form>',
    '<form>[H]<button type=button formmethod=post>x</button></form>',
  ],
  ['<form><button formmethod=dialog>x</button></form>', '<form>[H]<button formmethod=dialog>x</button></form>'],
  [
    '<form><button formmethod=post formaction=/y>x</button></form>',
    '<form><button formmethod=post formaction=/y?§>x</button></form>',
  ],
  [
    '<form method=post><button formmethod=get>x</button></form>',
    '<form action="?§" method=post><button formmethod=get>x</button></form>',
  ],
  // Only its buttons send a dialog's form.
  [
    '<form method=dialog action=/x><button formmethod=post>a</button><button>b</button></form>',
    '<form method=dialog action=/x><button formaction="/x?§" formmethod=post>a</button><button>b</button></form>',
  ],
  ['<form method=dialog action=//evil.test><button formmethod=post>a</button></form>', '='],
  // A button that sends by POST a form that comes behind it: the field would be in the body.
  [
    '<button form=f formmethod=post>P</button><form id=f action=/x><input name=q></form>',
    '<button form=f formmethod=post>P</button><form id=f action=/x?§><input name=q></form>',
  ],
  [
    '<input type=submit form=f formmethod=POST><form id="&#102;">a</form><form id=g>b</form>',
    '<input type=submit form=f formmethod=POST><form action="?§" id="&#102;">a</form><form id=g>[H]b</form>',
  ],
  [
    '<button form=f formmethod=post formaction=/y>P</button><form id=f action=/x>a</form>',
    '<button form=f formmethod=post formaction=/y?§>P</button><form id=f action=/x?§>a</form>',
  ],
  [
    '<button form=f type=button formmethod=post>P</button><form id=f>a</form>',
    '<button form=f type=button formmethod=post>P</button><form id=f>[H]a</form>',
  ],
  [
    '<button form=f formmethod=get>P</button><form id=f>a</form>',
    '<button form=f formmethod=get>P</button><form id=f>[H]a</form>',
  ],
  ['<button form=f formmethod=post>P</button><form id=f action=//evil.test>a</form>', '='],
  ['<svg><button formaction=/x></svg>', '='],
]);

rows('marker: a hidden field of the name is not doubled', [
  [
    '<form><input type=hidden name=sid value=old></form>',
    '<form><input type=hidden name=sid value="0123456789abcdefghijklmnop"></form>',
  ],
  [
    '<form><input type=hidden name="sid" value=""></form>',
    '<form><input type=hidden name="sid" value="0123456789abcdefghijklmnop"></form>',
  ],
  [
    "<form><input type=HIDDEN name='sid' value='o&amp;ld'></form>",
    "<form><input type=HIDDEN name='sid' value='0123456789abcdefghijklmnop'></form>",
  ],
  [
    '<form><input type=hidden name=sid></form>',
    '<form><input value="0123456789abcdefghijklmnop" type=hidden name=sid></form>',
  ],
  [
    '<form><input type=hidden name=sid value></form>',
    '<form><input type=hidden name=sid value="0123456789abcdefghijklmnop"></form>',
  ],
  [
    '<form><input type=hidden name=sid value= ></form>',
    '<form><input type=hidden name=sid value= "0123456789abcdefghijklmnop"></form>',
  ],
  [
    '<form><input type=hidden name=sid value=a><input type=hidden name=sid value="b"></form>',
    '<form><input type=hidden name=sid value="0123456789abcdefghijklmnop"><input type=hidden name=sid value="0123456789abcdefghijklmnop"></form>',
  ],
  ['<form><input type=hidden name=other value=old></form>', '<form>[H]<input type=hidden name=other value=old></form>'],
  ['<form><input type=text name=sid value=old></form>', '<form>[H]<input type=text name=sid value=old></form>'],
  ['<form><input type=hidden name=sid value="old"><button formaction=//evil.test></form>', '='],
  ['<form action=//evil.test><input type=hidden name=sid value=old></form>', '='],
  // What gets no SID stays as it is spelt, quotes and all.
  ['<form id=f><input type=hidden name=sid value=a"b></form><button form=f formaction=//evil.test>', '='],
  ['<form id=f><input type=hidden name=sid value=ab></form><button form=f formaction=//evil.test>', '='],
  ['<form id=f><input type=hidden name=sid value></form><button form=f formaction=//evil.test>', '='],
  ['<form id=f><input type=hidden name=sid value= ></form><button form=f formaction=//evil.test>', '='],
  ['<form id=f><input type=hidden name=sid></form><button form=f formaction=//evil.test>', '='],
  [
    '<form><input type=hidden name=sid value=a"b></form>',
    '<form><input type=hidden name=sid value="0123456789abcdefghijklmnop"></form>',
  ],
  [
    `<iframe srcdoc="<form action=/x id=f><input type=hidden name=sid value=&quot;&#8364;&amp;amp;&quot;></form><button form=f formaction=//evil.test>">`,
    '=',
  ],
]);

rows(
  'marker: forms: field',
  [
    ['<form method=post action=/x>y</form>', '<form method=post action=/x>[H]y</form>'],
    ['<form>y</form>', '<form>[H]y</form>'],
    ['<form method=dialog>y</form>', '='],
    ['<form method=post><button formaction=//evil.test>y</form>', '='],
    ['<form method=post><button formaction=/own>y</form>', '<form method=post>[H]<button formaction=/own>y</form>'],
    ['<form><button formmethod=post>y</button></form>', '<form>[H]<button formmethod=post>y</button></form>'],
  ],
  { forms: 'field' },
);

rows('marker: meta', [
  ['<meta http-equiv=refresh content="0;url=x">', '<meta http-equiv=refresh content="0;url=x?§">'],
  [
    '<META HTTP-EQUIV="Refresh" CONTENT="5; URL=\'x?a#f\'">',
    '<META HTTP-EQUIV="Refresh" CONTENT="5; URL=\'x?a&amp;§#f\'">',
  ],
  ['<meta content=\'1;URL="/y"\' http-equiv=refresh>', '<meta content=\'1;URL="/y?§"\' http-equiv=refresh>'],
  ['<meta http-equiv=refresh content=0;url=x>', '<meta http-equiv=refresh content=0;url=x?§>'],
  ['<meta http-equiv=refresh content="0;url=//evil.test">', '='],
  ['<meta http-equiv=refresh content="0;url=&#x2f;/evil.test">', '='],
  ['<meta http-equiv=refresh content="0;url=#x">', '='],
  ['<meta http-equiv=refresh content="never">', '='],
  ['<meta http-equiv=refresh content="30">', '<meta http-equiv=refresh content="30;url=?§">'],
  ['<meta http-equiv=refresh content="30; ">', '<meta http-equiv=refresh content="30; url=?§">'],
  ['<meta http-equiv=refresh>', '='],
  ['<meta name=refresh content="0;url=x">', '='],
  ['<meta property=og:url content="/x?sid=S">', '<meta property=og:url content="/x">'],
  ['<meta property=og:title content="/x?sid=S">', '='],
  ['<meta name=referrer content=unsafe-url>', '<meta name=referrer content=same-origin>'],
  ['<meta name=Referrer content=" Origin ">', '<meta name=Referrer content="same-origin">'],
  ['<meta name=referrer content=no-referrer>', '='],
  ['<meta name=referrer content=same-origin>', '='],
  ['<meta name=referrer content>', '='],
]);

rows('marker: identity is never marked, and loses a SID of ours', [
  ['<link rel=canonical href="/x">', '='],
  [
    '<link rel=canonical href="http://shop.example/x?a=1&amp;sid=S&amp;b">',
    '<link rel=canonical href="http://shop.example/x?a=1&amp;b">',
  ],
  ['<link rel="Alternate" href=/x?%73id=S>', '<link rel="Alternate" href=/x>'],
  ['<link rel=next href="/(sid-S)/x;sid=S?sid=S">', '<link rel=next href="/x">'],
  ['<link rel="stylesheet" href="/x?sid=S">', '='],
]);

rows('marker: srcdoc', [
  [
    '<iframe srcdoc="&lt;a href=&quot;/n&quot;>x"></iframe>',
    '<iframe srcdoc="&lt;a href=&quot;/n?§&quot;>x"></iframe>',
  ],
  ['<iframe srcdoc=\'<a href="/n?a">x\'></iframe>', '<iframe srcdoc=\'<a href="/n?a&#38;amp;§">x\'></iframe>'],
  ['<iframe srcdoc=<a/href=/n>x</iframe>', '='],
  [
    '<iframe srcdoc=<a&#32;href=/n&gt;></iframe>',
    `<iframe srcdoc=<a&#32;href=/n?sid&#61;0123456789abcdefghijklmnop&gt;></iframe>`,
  ],
  [
    '<iframe srcdoc="<base href=//evil.test><a href=x>"></iframe><a href=y>',
    '<iframe srcdoc="<base href=//evil.test><a href=x>"></iframe><a href=y?§>',
  ],
  ['<base href=//evil.test><iframe srcdoc="<a href=x>"></iframe>', '='],
  [
    '<iframe srcdoc="<form action=/s>"></iframe>',
    '<iframe srcdoc="<form action=/s>&#60;input type=&#34;hidden&#34; name=&#34;sid&#34; value=&#34;0123456789abcdefghijklmnop&#34; /&#62;"></iframe>',
  ],
  ['<iframe srcdoc="<form method=post><form>"></iframe>', '='],
  [
    '<iframe srcdoc="<iframe srcdoc=&quot;<a href=x>&quot;>"></iframe>',
    '<iframe srcdoc="<iframe srcdoc=&quot;<a href=x?§>&quot;>"></iframe>',
  ],
  ['<iframe src=/s srcdoc="<a href=x>"></iframe>', '<iframe src=/s?§ srcdoc="<a href=x?§>"></iframe>'],
  ['<iframe srcdoc></iframe>', '='],
]);

const ALL_TAGS = new Map([...DEFAULT_TAGS, ['img', ['src', 'srcset']], ['link', ['href']], ['use', ['href']]] as const);
rows(
  'marker: more places by trans_sid_tags',
  [
    [
      '<img src=x srcset="x 1x, //evil.test/y 2x, z?a 3x">',
      '<img src=x?§ srcset="x?§ 1x, //evil.test/y 2x, z?a&amp;§ 3x">',
    ],
    ['<img src="">', '='],
    [
      '<link rel=stylesheet href=x><link rel=canonical href=x>',
      '<link rel=stylesheet href=x?§><link rel=canonical href=x>',
    ],
    ['<svg><use href="#x"/><use href="y#x"/></svg>', '<svg><use href="#x"/><use href="y?§#x"/></svg>'],
  ],
  { tags: ALL_TAGS },
);

rows(
  'marker: only the buttons are listed',
  [['<form><button formaction=/x>y</button></form>', '<form><button formaction=/x?§>y</button></form>']],
  { tags: new Map([['button', ['formaction']]]) },
);

rows(
  'marker: nothing is listed',
  [['<a href=x><form><form method=post><meta http-equiv=refresh content=0;url=x>', '=']],
  {
    tags: new Map(),
  },
);

rows(
  'marker: separators',
  [
    ['<a href="x"><a href="x?a">', '<a href="x?§"><a href="x?a;§">'],
    [
      '<a href="x?a=1&copy"><a href="http://shop.example/x?a=1&copy">',
      '<a href="x?a=1&copy&#59;§"><a href="http://shop.example/x?a=1&copy&#59;§">',
    ],
  ],
  { argSeparator: ';' },
);
rows('marker: a raw separator', [['<a href="x?a"><a href=x?a>', '<a href="x?a&§"><a href=x?a&§>']], {
  argSeparator: '&',
});
rows(
  'marker: a separator that would break out of its value',
  [['<a href="x?a"><a href=x?a>', '<a href="x?a&#34;&#62;§"><a href=x?a&#34;&#62;§>']],
  { argSeparator: '">' },
);
rows('marker: a separator that needs quotes', [['<a href="x?a"><a href=x?a>', '<a href="x?a §"><a href=x?a&amp;§>']], {
  argSeparator: ' ',
});
it('marker: a raw separator that the name would turn into a reference is escaped', () => {
  expect(markPage('<a href="x?a">', { argSeparator: '&', name: 'lt_id' }).html).to.match(/x\?a&amp;lt_id=/);
  expect(markPage('<a href="x?a">', { argSeparator: '&', name: 'lt' }).html).to.match(/x\?a&lt=/);
});

rows(
  'marker: extra parameters beside the SID [PHP 9.1]',
  [
    ['<a href="x?q">', '<a href="x?q&amp;v=1&amp;w=a%20b&amp;§">'],
    ['<a href="x">', '<a href="x?v=1&amp;w=a%20b&amp;§">'],
    ['<a href=" x">', '<a href=" x?v=1&amp;w=a%20b&amp;§">'],
    ['<a href="//evil.test">', '='],
    [
      '<form>x</form>',
      '<form>[H]<input type="hidden" name="v" value="1" /><input type="hidden" name="w" value="a b" />x</form>',
    ],
    [
      '<form method=post>x</form>',
      '<form action="?§" method=post><input type="hidden" name="v" value="1" /><input type="hidden" name="w" value="a b" />x</form>',
    ],
    ['<form><button formaction=//evil.test>x</form>', '='],
  ],
  {
    vars: [
      ['v', '1'],
      ['w', 'a b'],
    ],
    varTags: new Map([
      ['a', ['href']],
      ['form', ['']],
    ]),
  },
);

rows(
  'marker: extra parameters alone',
  [
    ['<a href="x"><meta name=referrer content=origin>', '='],
    ['<form>x</form>', '<form><input type="hidden" name="v" value="&lt;&quot;&#039;&amp;lt;" />x</form>'],
    [
      '<form method=post action=y>x</form>',
      '<form method=post action=y><input type="hidden" name="v" value="&lt;&quot;&#039;&amp;lt;" />x</form>',
    ],
  ],
  { isAnonymous: true, vars: [['v', '<"\'&lt;']] },
);

rows(
  'marker: extra parameters for hosts of their own',
  [
    ['<a href="http://api.example/x">', '<a href="http://api.example/x?v=1">'],
    ['<a href="x">', '<a href="x?v=1&amp;§">'],
  ],
  { vars: [['v', '1']], varTags: new Map([['a', ['href']]]), varHosts: ['api.example'] },
);

rows(
  'marker: the path scope',
  [
    ['<a href="/shop/x"><a href="/x"><a href="x">', '<a href="/shop/x?§"><a href="/x"><a href="x">'],
    ['<form action=/shop/>x</form><form>y</form>', '<form action=/shop/>[H]x</form><form>y</form>'],
  ],
  { scope: { path: '/shop' } },
);

rows(
  'marker: a cookie-only part of the site',
  [
    ['<a href="/admin/x"><a href="/x"><a href="../admin">', '<a href="/admin/x"><a href="/x?§"><a href="../admin">'],
    ['<a href="/x/../admin/y"><a href="/%61dmin">', '<a href="/x/../admin/y"><a href="/%61dmin?§">'],
    [
      '<a href="http://shop.example/admin?x"><a href="http://shop.example?x">',
      '<a href="http://shop.example/admin?x"><a href="http://shop.example?x&amp;§">',
    ],
    [
      '<a href="admin"><a href="?admin"><base href=/admin/><a href=x><a href=?x>',
      '<a href="admin?§"><a href="?admin&amp;§"><base href=/admin/><a href=x><a href=?x>',
    ],
    ['<form action=/admin/>x</form><form method=post action=/admin/></form>', '='],
    ['<form><button formaction=/admin/>x</form>', '='],
    ['<a href="/caf\xC3\xA9">', '='],
  ],
  { scope: { isExcluded: (path) => /^\/admin(\/|$)|^\/caf%C3%A9$/.test(path) } },
);

rows(
  'marker: URLs on an alias of the own origin are led to it',
  [
    ['<a href="http://127.0.0.1:8000/x?a#f">', '<a href="http://shop.example/x?a&amp;§#f">'],
    ["<a href='//127.0.0.1:8000'>", "<a href='http://shop.example/?§'>"],
    ['<a href=http&colon;//127.0.0.1:8000/x>', '<a href=http://shop.example/x?§>'],
    ['<a href="http://127.0.0.1:8000/x?sid=old">', '<a href="http://shop.example/x?§">'],
    ['<a href="http://127.0.0.1:8001/x"><a href="http://u@127.0.0.1:8000/x">', '='],
    ['<a href="/x">', '<a href="/x?§">'],
    ['<form action="http://127.0.0.1:8000/s">x</form>', '<form action="http://shop.example/s">[H]x</form>'],
    ['<form method=post action="http://127.0.0.1:8000/s">', '<form method=post action="http://shop.example/s?§">'],
    ['<base href="http://127.0.0.1:8000/b/"><a href=x>', '<base href="http://shop.example/b/"><a href=x?§>'],
    [
      '<meta http-equiv=refresh content="0;url=http://127.0.0.1:8000/">',
      '<meta http-equiv=refresh content="0;url=http://shop.example/?§">',
    ],
  ],
  { scope: { aliases: ['http://127.0.0.1:8000'] } },
);
rows(
  'marker: an alias on an https page is no downgrade, for it is not gone to',
  [['<a href="http://127.0.0.1:8000/x">', '<a href="https://shop.example/x?§">']],
  { scope: { aliases: ['http://127.0.0.1:8000'] }, url: 'https://shop.example/' },
);

rows(
  'marker: a page whose URL has the SID already needs none on references to itself',
  [
    ['<a href=""><a href="?"><a href="#x">', '<a href=""><a href="?&amp;§"><a href="#x">'],
    ['<form method=post></form><form method=post action="#x"></form>', '='],
    ['<form><button formmethod=post>x</button></form>', '='],
    ['<meta http-equiv=refresh content=5>', '='],
    ['<base href="/b/"><a href="">', '<base href="/b/"><a href="?§">'],
    ['<base href="/b/"><form method=post>', '<base href="/b/"><form action="/dir/page?q=1&amp;§" method=post>'],
  ],
  { url: `http://shop.example/dir/page?q=1&${PAIR}` },
);
rows(
  'marker: a page whose URL has another SID, or has it elsewhere, needs this one',
  [['<a href=""><form method=post>', '<a href="?q=1&amp;§"><form action="?q=1&amp;§" method=post>']],
  { url: 'http://shop.example/dir/page?q=1&sid=other' },
);
rows('marker: a page whose URL has the SID in another carrier', [['<a href="">', '<a href="?§">']], {
  url: 'http://shop.example/dir/page;sid=0123456789abcdefghijklmnop',
});
rows(
  'marker: a list without iframe leaves their documents alone',
  [['<iframe srcdoc="<a href=x>" src=y></iframe>', '=']],
  {
    tags: new Map([['a', ['href']]]),
  },
);
rows('marker: a button in what a form left open', [
  [
    '<form><a></form><button formaction=//evil.test>x</button>',
    '<form>[H]<a></form><button form="" formaction=//evil.test>x</button>',
  ],
  [
    '<form method=post><a></form><button formaction=//evil.test>x</button>',
    '<form action="?§" method=post><a></form><button formaction=//evil.test>x</button>',
  ],
]);

rows(
  'marker: a button in what a form left open, with other places in its tag',
  [
    [
      '<form action=/a><p></form><input type=image src=/i formaction=//evil.test>',
      '<form action=/a>[H]<p></form><input form="" type=image src=/i?§ formaction=//evil.test>',
    ],
    [
      '<form action=/a><p></form><button style="x: url(y)" formaction=//evil.test name=z>',
      '<form action=/a>[H]<p></form><button form="" style="x: url(y?§)" formaction=//evil.test name=z>',
    ],
    [
      '<form action=/a><p></form><button style="x: url(y)" formaction=/own name=z>',
      '<form action=/a>[H]<p></form><button style="x: url(y?§)" formaction=/own?§ name=z>',
    ],
    [
      `<iframe srcdoc="<form action=/a><p></form><input type=image src=/i formaction=//evil.test>">`,
      `<iframe srcdoc="<form action=/a>&#60;input type=&#34;hidden&#34; name=&#34;sid&#34; value=&#34;0123456789abcdefghijklmnop&#34; /&#62;<p></form><input form=&#34;&#34; type=image src=/i?§ formaction=//evil.test>">`,
    ],
  ],
  {
    tags: new Map([
      ['form', ['']],
      ['iframe', ['src']],
      ['input', ['src']],
      ['button', ['style']],
    ]),
  },
);

rows('marker: elements with a policy of their own for the Referer', [
  ['<a href=//evil.test referrerpolicy=unsafe-url>', '<a href=//evil.test referrerpolicy=same-origin>'],
  [
    '<img referrerpolicy="No-Referrer-When-Downgrade" src=//evil.test>',
    '<img referrerpolicy="same-origin" src=//evil.test>',
  ],
  [
    '<script src=//evil.test referrerpolicy=unsafe-url></script>',
    '<script src=//evil.test referrerpolicy=same-origin></script>',
  ],
  ['<iframe referrerpolicy=unsafe-url src=x></iframe>', '<iframe referrerpolicy=same-origin src=x?§></iframe>'],
  [
    '<link rel=stylesheet referrerpolicy=unsafe-url href=//evil.test>',
    '<link rel=stylesheet referrerpolicy=same-origin href=//evil.test>',
  ],
  ['<a href=//evil.test referrerpolicy=origin><img referrerpolicy=no-referrer src=x><a referrerpolicy=nonsense>', '='],
  // Words of the first drafts, for Chromium.
  ['<img referrerpolicy=Always src=//evil.test>', '<img referrerpolicy=same-origin src=//evil.test>'],
  ['<a href=//evil.test referrerpolicy="default">', '<a href=//evil.test referrerpolicy="same-origin">'],
  ['<img referrerpolicy=never src=x><img referrerpolicy=origin-when-crossorigin src=x>', '='],
  // The parser makes an `img` of it.
  ['<image referrerpolicy=unsafe-url src=//evil.test>', '<image referrerpolicy=same-origin src=//evil.test>'],
  ['<svg><a referrerpolicy=unsafe-url href=//evil.test>', '<svg><a referrerpolicy=same-origin href=//evil.test>'],
  ['<math><a referrerpolicy=unsafe-url href=//evil.test>', '<math><a referrerpolicy=same-origin href=//evil.test>'],
  [
    '<link rel=dictionary referrerpolicy=unsafe-url href=/x?§><link rel=next href=/x?§ referrerpolicy=always>'.replaceAll(
      '§',
      PAIR,
    ),
    '<link rel=dictionary referrerpolicy=same-origin href=/x><link rel=next href=/x referrerpolicy=same-origin>',
  ],
]);
rows(
  'marker: url() in style attributes, where listed',
  [
    ['<td style="background: url(x.png)">', '<td style="background: url(x.png?§)">'],
    [
      '<td style=\'background: URL( "x.png?a" ), url(//evil.test)\'>',
      '<td style=\'background: URL( "x.png?a&amp;§" ), url(//evil.test)\'>',
    ],
    ['<td style="content: \'url(x)\'; /* url(y) */ x: curl(z); y: url(a\\b)">', '='],
    ['<td style="x: url(data:,x)"><div style="x: url(y)">', '='],
  ],
  { tags: new Map([['td', ['style']]]) },
);

rows('marker: forms that buttons reach by the name of the element around their shadow', [
  [
    '<b id=f><template shadowrootmode=open shadowrootreferencetarget=g><form id=g></form></template></b><button form=f formaction=//evil.test>',
    '=',
  ],
  [
    '<template shadowrootmode=open><b><template ShadowRootReferenceTarget=g><form id=g></form></template></b></template><form>a</form>',
    '<template shadowrootmode=open><b><template ShadowRootReferenceTarget=g><form id=g></form></template></b></template><form>[H]a</form>',
  ],
  [
    '<template shadowrootmode=open><form id=g></form></template><button form=f formaction=//evil.test>',
    '<template shadowrootmode=open><form id=g>[H]</form></template><button form=f formaction=//evil.test>',
  ],
]);

const MARKER = '<?marker name="m">';
rows('marker: templates whose content goes to another place of the page', [
  // It may land in a form whose field is out.
  [
    `<form>${MARKER}</form><template for=m><button formaction=//evil.test>b</button></template>`,
    `<form>[H]${MARKER}</form><template for=m><button form="" formaction=//evil.test>b</button></template>`,
  ],
  [
    `<form id=f>${MARKER}</form><template for=m><input type=image formaction=//evil.test></template>`,
    `<form id=f>[H]${MARKER}</form><template for=m><input form="" type=image formaction=//evil.test></template>`,
  ],
  [
    `<template for=n><form>${MARKER}</form></template><template FOR=m><p><button formaction=//evil.test></template>`,
    `<template for=n><form>[H]${MARKER}</form></template><template FOR=m><p><button form="" formaction=//evil.test></template>`,
  ],
  [
    `<form>${MARKER}<template for=m><template><button formaction=//evil.test>`,
    `<form>[H]${MARKER}<template for=m><template><button form="" formaction=//evil.test>`,
  ],
  // A button in a form of the template sends that one.
  [
    '<form>a</form><template for=m><form>b<button formaction=//evil.test></form><form>c</form></template>',
    '<form>[H]a</form><template for=m><form>b<button formaction=//evil.test></form><form>c</form></template>',
  ],
  [
    '<template for=m><form>a<button formaction=/own></form></template>',
    '<template for=m><form>[H]a<button formaction=/own?§></form></template>',
  ],
  // In a table within a template there are no forms.
  [
    `<form>${MARKER}</form><template for=m><table><form><td><button formaction=//evil.test></form></template>`,
    `<form>[H]${MARKER}</form><template for=m><table><form><td><button form="" formaction=//evil.test></form></template>`,
  ],
  [`<form action=//evil.test>${MARKER}</form><template for=m><tr><form><td>a</form></tr></template>`, '='],
  // It may land in front of any other base.
  [`<head>${MARKER}<template for=m><base href=//evil.test></template><base href=/own/><a href=x>`, '='],
  [
    `<head>${MARKER}<base href=/own/><template for=m><base href=//evil.test></template><base href=/own/><a href=x>`,
    '=',
  ],
  [
    `<head>${MARKER}<template for=m><base href=/own/></template><a href=x><form method=post>`,
    `<head>${MARKER}<template for=m><base href=/own/></template><a href=x?§><form action="/dir/page?§" method=post>`,
  ],
  [
    `<head>${MARKER}<template for=m><template><base href=/own/></template></template><base href=//evil.test><a href=x>`,
    '=',
  ],
]);

rows('marker: forms and templates that end each other', [
  // In a template a foreign button may belong to any of its forms.
  [
    '<template><form>a</form><form><button formaction=//evil.test></form><form>b</form></template><form>c</form>',
    '<template><form>a</form><form><button formaction=//evil.test></form><form>b</form></template><form>[H]c</form>',
  ],
  [
    '<form>a<template><button formaction=//evil.test></template></form>',
    '<form>[H]a<template><button formaction=//evil.test></template></form>',
  ],
  ['</template><form action=//evil.test></template><form>', '='],
  // In a select the end tag of a form means nothing to some browsers, and its start tag neither.
  ['<form><select></form></select><form><button formaction=//evil.test>', '='],
  ['<select><form></select><form>x', '='],
  [
    '<form><select></form><input><form><button formaction=/own>',
    '<form><select></form><input><form><button formaction=/own?§>',
  ],
  // Controls mean the first form of an id.
  [
    '<form id=f action=//evil.test></form><form id=f>a</form><input type=hidden name=sid form=f><button form=f formmethod=post>',
    '<form id=f action=//evil.test></form><form id=f>[H]a</form><input type=hidden name=sid form=f><button form=f formmethod=post>',
  ],
  // In a template a form in a table is none, and its field would be the outer form's.
  ['<template><form action=//evil.test><table><form>', '='],
  ['<template><form action=//evil.test><table></form></table><form>', '='],
  ['<template><form>a<form>b</template><form>c', '<template><form>[H]a<form>b</template><form>[H]c'],
  // The end tag ends the form of SVG, not the one around it.
  ['<form>a<svg><form></form></svg><button formaction=//evil.test></form>', '='],
  [
    '<form>a<svg><form/></svg></form><button formaction=/own>',
    '<form>[H]a<svg><form/></svg></form><button formaction=/own?§>',
  ],
  // What is left open in SVG or MathML is closed with it, whatever closes that.
  ...['</svg>', '</p>', '<b>', '</math>'].flatMap((close) => {
    const root = close === '</math>' ? '<math>' : '<svg>';
    return [
      [`<form>${root}<form>${close}</form><form>a</form>`, `<form>[H]${root}<form>${close}</form><form>[H]a</form>`],
      [`<form>${root}<template>${close}<template></template><button formaction=//evil.test></form>`, '='],
      [`${root}<template>${close}<form action=//evil.test><template></template><form>a</form>`, '='],
      [
        `<template>${root}<template>${close}</template><form>a</form>`,
        `<template>${root}<template>${close}</template><form>[H]a</form>`,
      ],
    ] as const;
  }),
  // A name that no open element of SVG has is looked for in HTML.
  [
    '<form action=//evil.test><svg><desc><form></form></desc></svg><form>a</form>',
    '<form action=//evil.test><svg><desc><form></form></desc></svg><form>[H]a</form>',
  ],
  [
    '<form action=//evil.test><svg><g></form></g></svg><form>a</form>',
    '<form action=//evil.test><svg><g></form></g></svg><form>[H]a</form>',
  ],
  ['<form action=//evil.test><svg><form><g></form></g></svg><form>a</form>', '='],
]);

/** Rows whose pages are also cut at every byte. */
function readings(title: string, cases: ReadonlyArray<readonly [string, string]>): void {
  rows(title, cases);
  it(`${title}, in chunks of one byte`, () => {
    for (const [html, want] of cases) {
      const cuts = Array.from(html, (_, i) => i + 1).slice(0, -1);
      expect(markPage(html, { cuts }).html).to.equal(want === '=' ? html : written(want));
    }
  });
}

readings('marker: what only some browsers find in a select', [
  ['<select><base href=/a/></select><base href=//evil.test><a href=x>', '='],
  ['<select><base href=//evil.test></select><base href=/a/><a href=x>', '='],
  [
    '<select><base href=/a/></select><base href=/b/><a href=x>',
    '<select><base href=/a/></select><base href=/b/><a href=x?§>',
  ],
  [
    '<select></select><base href=/a/><base href=//evil.test><a href=x>',
    '<select></select><base href=/a/><base href=//evil.test><a href=x?§>',
  ],
  [
    '<select><form action=//evil.test></select><form action=/own>a</form><form>b</form>',
    '<select><form action=//evil.test></select><form action=/own>a</form><form>[H]b</form>',
  ],
  [
    '<select><form action=//evil.test></select><form method=post action=/own>a</form>',
    '<select><form action=//evil.test></select><form method=post action=/own?§>a</form>',
  ],
  ['<select><form action=//evil.test></select><template><form></form></template><form action=/own>b', '='],
  ['<form action=//evil.test>a<select></form></select><form>b</form>', '='],
  [
    '<form>a</form><select></form></select><form>b</form>',
    '<form>[H]a</form><select></form></select><form>[H]b</form>',
  ],
  ['<form>a<select><form></select></form><form>b</form>', '<form>[H]a<select><form></select></form><form>[H]b</form>'],
  [
    '<form>a<p></form><select><form></select><button formaction=//evil.test>',
    '<form>[H]a<p></form><select><form></select><button form="" formaction=//evil.test>',
  ],
  // What would be text for some ends the marking.
  ['<select><style></select><base href="/a/"></style></select><base href="//evil.test"><a href=x>', '='],
  ['<form>a</form><select><xmp></select><a href=x>', '<form>[H]a</form><select><xmp></select><a href=x>'],
  ['<form>a<select><title></title></select></form>', '='],
  ['<form id=f>a</form><select><iframe></select><a href=x>', '='],
  ['<select><plaintext></select><a href=x>', '='],
  ['<select><script></script></select><a href=x>', '<select><script></script></select><a href=x?§>'],
  [
    '<select><textarea></select></textarea><style></style><a href=x>',
    '<select><textarea></select></textarea><style></style><a href=x?§>',
  ],
  // A drawing in a select is fine where it ends there.
  [
    '<form>a<select><option><svg><path/><g></g></svg>b<option><svg/></select></form><a href=x>',
    '<form>[H]a<select><option><svg><path/><g></g></svg>b<option><svg/></select></form><a href=x?§>',
  ],
  ['<select><svg></select><a href=x>', '='],
  ['<select><svg><desc></svg></select><a href=x>', '='],
  ['<select><svg><![CDATA[</svg>]]></svg></select><a href=x>', '='],
  ['<select><math><style></math></select><a href=x>', '='],
  ['<table><td><select><svg><tr><svg></svg><style><a href=x>', '='],
  [
    '<select><svg></svg></select><style></style><svg><style></style></svg><a href=x>',
    '<select><svg></svg></select><style></style><svg><style></style></svg><a href=x?§>',
  ],
]);

readings('marker: what a noscript hides where scripts run', [
  ['<noscript><base href=/a/></noscript><base href=//evil.test><a href=x>', '='],
  ['<noscript><base href=//evil.test></noscript><base href=/a/><a href=x>', '='],
  [
    '<noscript>a</noscript><base href=/a/><base href=//evil.test><a href=x>',
    '<noscript>a</noscript><base href=/a/><base href=//evil.test><a href=x?§>',
  ],
  [
    '<noscript><form action=/a>a</form></noscript><form>b</form>',
    '<noscript><form action=/a>[H]a</form></noscript><form>[H]b</form>',
  ],
  [
    '<noscript><form action=/a></noscript><form method=post action=/b>b</form><form>c</form>',
    '<noscript><form action=/a></noscript><form method=post action=/b?§>b</form><form>[H]c</form>',
  ],
  ['<noscript><form action=//evil.test></noscript><form action=/b>b</form>', '='],
  [
    '<form action=//evil.test>a<noscript></form></noscript><form>b</form><form>c</form>',
    '<form action=//evil.test>a<noscript></form></noscript><form>b</form><form>[H]c</form>',
  ],
  ['<form>a<noscript></form></noscript><button formaction=//evil.test>b</button>', '='],
  ['<form>a<noscript></form><form></form></noscript><button formaction=//evil.test>b</button>', '='],
  [
    '<form>a<p></form><noscript><form></noscript><button formaction=//evil.test>',
    '<form>[H]a<p></form><noscript><form></noscript><button form="" formaction=//evil.test>',
  ],
  ['<form>a<noscript><template></noscript><button formaction=//evil.test>b</button>', '='],
  ['<form action=//evil.test>a<noscript><template></noscript><form>b</form>', '='],
  [
    '<form>a<noscript><template></template></noscript>b</form>',
    '<form>[H]a<noscript><template></template></noscript>b</form>',
  ],
  // Where scripts run the first `</noscript` ends it, whatever it stands in.
  ['<form>a<noscript><!--</noscript><base href=//evil.test>--></noscript><a href=x>', '='],
  ['<noscript><p title="</NoScript><base href=//evil.test>"></noscript><a href=x>', '='],
  ['<noscript><a href=y title="</noscript><base href=//evil.test>"></noscript><a href=x>', '='],
  ['<noscript></p title="</noscript><base href=//evil.test>"></noscript><a href=x>', '='],
  ['<noscript><p</noscript><base href=//evil.test><a href=x>', '='],
  ['<noscript><style></noscript><base href=//evil.test></style></noscript><a href=x>', '='],
  ['<noscript><!doctype a></noscript><a href=x>', '<noscript><!doctype a></noscript><a href=x?§>'],
  ['<noscript><!doctype </noscript><a href=x>', '='],
  ['<form>a<noscript><plaintext></noscript><button formaction=//evil.test>', '='],
  ['<svg><desc><![CDATA[ > <a href=/x>y</a> ]]></desc></svg>', '='],
  // In the head it closes by itself, and the SVG stays open where no scripts run.
  ['<noscript><svg><g></noscript><script>"<a href=x>"</script>', '='],
  ['<noscript><p><math></noscript><textarea><a href=x></textarea>', '='],
  ['<noscript><p><svg><desc></noscript></desc><textarea><a href=x></textarea>', '='],
  ['<noscript><svg><noscript></noscript><textarea><a href=x></textarea>', '='],
  ['<noscript><svg></svg></noscript><a href=x>', '<noscript><svg></svg></noscript><a href=x?§>'],
  ['<body><noscript><svg><g></noscript><a href=x>', '<body><noscript><svg><g></noscript><a href=x?§>'],
  [
    '<svg><desc><noscript><p></noscript></desc></svg><a href=x>',
    '<svg><desc><noscript><p></noscript></desc></svg><a href=x?§>',
  ],
  ['<noscript><svg><![CDATA[</noscript>]]></svg></noscript><a href=x>', '='],
  [
    '<noscript><iframe src=y></iframe><!-- </no --><style>b{}</style><p title="</b>">z<noscript></noscript><a href=x></noscript><p title="</noscript>"><a href=x>',
    '<noscript><iframe src=y?§></iframe><!-- </no --><style>b{}</style><p title="</b>">z<noscript></noscript><a href=x?§></noscript><p title="</noscript>"><a href=x?§>',
  ],
]);

describe('marker: pages too deep or too long to be followed', () => {
  // Which form </form> ends there, only a tree can tell.
  const far = '<form action=//evil.test><svg></zzz><form></form></svg><form>a</form>';
  for (const [what, deep] of [
    ['elements', '<div>'.repeat(4200)],
    ['formatting elements', '<i><b>'.repeat(2100)],
    ['elements of SVG', '<svg>'.repeat(4200)],
    ['tags', '<p>'.repeat(300_000)],
  ] as const) {
    it(`${what}: marked as long as nobody has to ask`, () => {
      const page = `<a href=x>${deep}<a href=y>${far}<a href=z>`;
      const marked = what.includes('SVG') ? '<a href=y>' : `<a href=y?${PAIR}>`;
      const want = `<a href=x?${PAIR}>${deep}${marked}${far}<a href=z>`;
      expect(markPage(page).html).to.equal(want);
      expect(markPage(page, { cuts: [9, deep.length, page.length - 3] }).html).to.equal(want);
    }).timeout(20_000);
  }
});

rows(
  'marker: where sessions are recovered from the Referer, it must be sent',
  [
    ['<meta name=referrer content=no-referrer>', '<meta name=referrer content=same-origin>'],
    ['<meta name=referrer content="Never">', '<meta name=referrer content="same-origin">'],
    ['<meta name=referrer content=same-origin><meta name=referrer content=nonsense>', '='],
  ],
  { keepsReferer: true },
);
rows(
  'marker: referrer policy where hosts share SIDs',
  [
    ['<meta name=referrer content=unsafe-url>', '<meta name=referrer content=strict-origin-when-cross-origin>'],
    ['<meta name=referrer content=strict-origin-when-cross-origin>', '='],
    ['<meta name=referrer content=same-origin>', '='],
  ],
  { tellsOrigin: true },
);

rows(
  'marker: path parameters',
  [
    ['<a href="x?a#f"><a href=/x>', '<a href="x;§?a#f"><a href=/x;§>'],
    ['<a href="x&copy"><a href="x&#97">', '<a href="x&copy&#59;§"><a href="x&#97&#59;§">'],
    ['<a href="">', '<a href="page;§">'],
    ['<form>x</form>', '<form action="page;§">x</form>'],
    ['<form action=/s>x</form>', '<form action=/s;§>x</form>'],
    ['<form><button formaction=/y>x</form>', '<form action="page;§"><button formaction=/y;§>x</form>'],
    ['<a href="x;sid=old;v">', '<a href="x;§;v">'],
    // How a browser writes this path depends on the page's charset.
    [
      '<base href="/caf\xE9"><a href=""><a href="?x"><a href=x>',
      '<base href="/caf\xE9"><a href=""><a href="?x"><a href=x;§>',
    ],
  ],
  { carrier: 'path-parameter' },
);

for (const [carrier, want] of [
  ['path-parameter', 'http://shop.example/;§?v=1'],
  ['path-segment', 'http://shop.example/(sid-0123456789abcdefghijklmnop)/?v=1'],
] as const) {
  rows(
    `marker: a host alone gets one slash, from the carrier: ${carrier}`,
    [['<a href="http://shop.example">', `<a href="${want}">`]],
    { carrier, vars: [['v', '1']], varTags: new Map([['a', ['href']]]) },
  );
}

rows(
  'marker: path segments',
  [
    [
      '<a href="/x"><a href=x>',
      '<a href="/(sid-0123456789abcdefghijklmnop)/x"><a href=/(sid-0123456789abcdefghijklmnop)/dir/x>',
    ],
    ['<form>x</form>', '<form action="/(sid-0123456789abcdefghijklmnop)/dir/page">x</form>'],
    [
      '<base href="/caf\xE9/"><a href=x><a href=../x><a href=/x>',
      '<base href="/caf\xE9/"><a href=x><a href=../x><a href=/(sid-0123456789abcdefghijklmnop)/x>',
    ],
  ],
  { carrier: 'path-segment' },
);
rows(
  'marker: path segments on a marked page',
  [
    ['<a href="/x"><a href=x><a href="">', '<a href="/(sid-0123456789abcdefghijklmnop)/x"><a href=x><a href="">'],
    ['<form method=post>x</form>', '='],
    ['<base href=/b/><a href=x>', '<base href=/b/><a href=/(sid-0123456789abcdefghijklmnop)/b/x>'],
  ],
  { carrier: 'path-segment', url: 'http://shop.example/(sid-0123456789abcdefghijklmnop)/dir/page' },
);

rows(
  'marker: XHTML',
  [
    [
      '<html xmlns="http://www.w3.org/1999/xhtml"><a href="x?a&amp;b"/></html>',
      '<html xmlns="http://www.w3.org/1999/xhtml"><a href="x?a&amp;b&amp;§"/></html>',
    ],
    [
      '<html xmlns="http://www.w3.org/1999/xhtml"><form><p/></form><form/></html>',
      '<html xmlns="http://www.w3.org/1999/xhtml"><form>[H]<p/></form><form/></html>',
    ],
    // The field is of the form's namespace.
    [
      '<h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:form><h:p/></h:form></h:html>',
      `<h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:form>${FIELD.replace('<input', '<h:input')}<h:p/></h:form></h:html>`,
    ],
    [
      '<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><a l:href="x"/></svg>',
      '<svg xmlns="http://www.w3.org/2000/svg" xmlns:l="http://www.w3.org/1999/xlink"><a l:href="x?§"/></svg>',
    ],
    // What a name means is up to a DTD, or it is dropped.
    ['<a href="&e;x"/><a href="&nbsp;//evil.test/"/><base href="&e;//evil.test/"/><a href="x"/>', '='],
    // A button behind what cannot be read may send any form abroad.
    [
      '<html xmlns="http://www.w3.org/1999/xhtml"><form><p xmlns="&e;"/><button formaction="//evil.test"/></form></html>',
      '=',
    ],
    // A newline in a value is a space: the first is no absolute URL, the second leads to a path of ours.
    ['<base href="//evil.test/"/><a href="ht\ntp://shop.example/x"/>', '='],
    [
      '<a href="/\n/evil.test/"/><a href="/&#10;/evil.test/"/>',
      '<a href="/\n/evil.test/?§"/><a href="/&#10;/evil.test/"/>',
    ],
    // XML knows cases: these are attributes of no meaning.
    ['<form ACTION="/own" action="http://evil.test/"><p/></form>', '='],
    ['<base HREF="/own/" href="http://evil.test/"/><a href="x"/>', '='],
    ['<form METHOD="post" action="/own"><p/></form>', '<form METHOD="post" action="/own">[H]<p/></form>'],
    ['<form action="/own"><button FORMACTION="/x" formaction="http://evil.test/"/></form>', '='],
  ],
  { syntax: 'xhtml', argSeparator: '&' },
);

rows(
  'marker: WML',
  [
    [
      '<wml><card onenterforward="/x"><do><go href="y?a" method="post"><postfield name="n" value="v"/></go></do></card></wml>',
      '<wml><card onenterforward="/x?§"><do><go href="y?a&amp;§" method="post"><postfield name="n" value="v"/></go></do></card></wml>',
    ],
    ['<a HREF="/x" href="http://evil.test/"/>', '='],
    // The client fills in variables: what they may make the origin of is not ours.
    ['<go href="$(u)"/><go href="$u/x"/><go href="&#36;(u:noesc)"/><go href=" $(u)?a"/>', '='],
    ['<go href="/$(x)"/><go href="//$(h)/"/><go href="http$(s)://shop.example/"/><go href="http:$(x)"/>', '='],
    ['<go href="a$(x)"/><go href="//shop.example$(x)/"/><card ontimer="$(x)"/>', '='],
    ['<go href="a/$(x)"/><go href="/a$(x)"/>', '<go href="a/$(x)?§"/><go href="/a$(x)?§"/>'],
    ['<go href="?a=$(x)"/><go href="x?a=$x"/>', '<go href="?a=$(x)&amp;§"/><go href="x?a=$x&amp;§"/>'],
    ['<go href="http://shop.example/$(x)"/>', '<go href="http://shop.example/$(x)?§"/>'],
    ['<go href="$$a"/><a href="x"/>', '<go href="$$a?§"/><a href="x?§"/>'],
  ],
  { syntax: 'wml' },
);

describe('marker: counts and explanations', () => {
  const page =
    '<a href=x><a href="/y z"><a href=#f><a href=//evil.test><form>a</form><form><button formaction=//evil.test></form>';

  it('counts marks by place and skips by reason', () => {
    const { counts } = markPage(page);
    expect(counts.marks).to.include({ navigation: 2, form: 1, frame: 0 });
    expect(counts.skips).to.include({ 'fragment-only': 1, 'foreign-origin': 2 });
    expect(counts.droppedFields).to.equal(1);
  });

  it('explains each URL, and marks the same', () => {
    const seen: Explanation[] = [];
    expect(markPage(page, { explain: (one) => seen.push(one) }).html).to.equal(markPage(page).html);
    expect(
      seen.map(({ element, attribute, url, decision }) => `${element} ${attribute} ${url} ${decision}`),
    ).to.deep.equal([
      'a href x mark',
      'a href /y z mark',
      'a href #f fragment-only',
      'a href //evil.test foreign-origin',
      'form action  field',
      'form action  field',
      'button formaction //evil.test foreign-origin',
    ]);
    expect(seen.map(({ offset }) => page.slice(offset, offset + 2))).to.deep.equal([
      'x>',
      '/y',
      '#f',
      '//',
      '<f',
      '<f',
      '//',
    ]);
  });
});

describe('marker: a form that a bail out cuts off', () => {
  const tooLong = `<a title="${'x'.repeat(70_000)}">`;

  it('gets no field if the rest could send it abroad', () => {
    for (const html of [
      `<form>a${tooLong}</form>`,
      `<form id=f><input type=hidden name=sid value=a></form>${tooLong}`,
    ]) {
      expect(markPage(html).html).to.equal(html);
      expect(markPage(html, { cuts: [5, 40_000] }).html).to.equal(html);
    }
  });

  it('keeps it if nothing can', () => {
    expect(markPage(`<form>a</form>${tooLong}`).html).to.equal(written(`<form>[H]a</form>${tooLong}`));
  });
});

describe('marker: foreign buttons that name more forms than an honest page has', () => {
  const buttons = (count: number) =>
    Array.from({ length: count }, (_, i) => `<button form=n${i} formaction=//evil.test>`).join('');

  for (const [count, want] of [
    [99, `<form id=f>${FIELD}</form>`],
    [100, '<form id=f></form>'],
  ] as const) {
    it(`${count} of them`, () => {
      expect(markPage(`<form id=f></form>${buttons(count)}`).html).to.equal(want + buttons(count));
      expect(markPage(`${buttons(count)}<form id=f></form>`).html).to.equal(buttons(count) + want);
    });
  }
});

describe('marker: a form too long to wait for', () => {
  it('gets no field, and the page goes on', () => {
    const page = `<form>${'x'.repeat(70_000)}</form><form>y</form>`;
    const marked = markPage(page, { cuts: [66_000, 68_000] });
    expect(marked.html).to.equal(page.replace('<form>y', written('<form>[H]y')));
    expect(marked.counts.droppedFields).to.equal(1);
  });

  for (const value of ['"keepme"', "'keepme'", 'keepme', '""']) {
    it(`leaves its own field with the value ${value}`, () => {
      const page = `<form action=/x><input type=hidden name=sid value=${value}>${'x'.repeat(66_000)}</form>`;
      for (const cuts of [[], [30_000, 65_000, 65_900], [66_050]]) {
        const marked = markPage(page, { cuts });
        expect(marked.html).to.equal(page);
        expect(marked.counts).to.deep.include({ droppedFields: 1 });
      }
    });
  }
});

describe('marker: a meta element behind the prescan that says a charset which cannot be read', () => {
  const escaped = '<b\x1b(Base href=//evil.test/>';
  for (const meta of [
    '<meta charset=iso-2022-jp>',
    '<META CHARSET=" ISO-2022-JP ">',
    '<meta charset="iso&#45;2022-jp">',
    '<meta http-equiv=Content-Type content="text/html; charset=iso-2022-jp">',
  ]) {
    it(`ends the marking: ${meta}`, () => {
      const page = `<head>${meta}${escaped}</head><a href=x>x</a><form><input></form><a href=y>y</a>`;
      expect(markPage(page).html).to.equal(page);
      expect(markPage(page, { isCharsetKnown: true }).html, 'not where the field says another one').to.include(PAIR);
    });
  }
  rows('but not', [
    ['<meta charset=utf-8><a href=x>', '<meta charset=utf-8><a href=x?§>'],
    [
      '<meta name=x content="charset=iso-2022-jp"><a href=x>',
      '<meta name=x content="charset=iso-2022-jp"><a href=x?§>',
    ],
    [
      "<iframe srcdoc='<meta charset=iso-2022-jp><a href=x>'></iframe><a href=x>",
      "<iframe srcdoc='<meta charset=iso-2022-jp><a href=x?§>'></iframe><a href=x?§>",
    ],
    // The first one that browsers know counts, as before a mail that a page shows.
    [
      '<meta charset=utf-8><body><a href=x><meta charset=iso-2022-jp><a href=x>',
      '<meta charset=utf-8><body><a href=x?§><meta charset=iso-2022-jp><a href=x?§>',
    ],
    [
      '<meta http-equiv=content-type content="text/html; charset=koi8-r"><a href=x><meta charset=iso-2022-jp><a href=x>',
      '<meta http-equiv=content-type content="text/html; charset=koi8-r"><a href=x?§><meta charset=iso-2022-jp><a href=x?§>',
    ],
  ]);
  for (const first of [
    '<meta charset=nosuch>',
    '<meta name=x content="charset=utf-8">',
    '<noscript><meta charset=utf-8></noscript>',
    '<template><meta charset=utf-8></template>',
    "<iframe srcdoc='<meta charset=utf-8>'></iframe>",
    '<meta charset=utf-8 http-equiv=content-type content="charset=iso-2022-jp">',
  ]) {
    it(`is not overruled by ${first}`, () => {
      const page = `<head>${first}<meta charset=iso-2022-jp>${escaped}</head><a href=x>x</a>`;
      expect(markPage(page).html).to.equal(page);
    });
  }
});
