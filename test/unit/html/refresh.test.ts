import { expect } from 'chai';
import { parseCssUrls } from '../../../src/html/css-urls.ts';
import { parseRefresh } from '../../../src/html/refresh.ts';
import { parseSrcset } from '../../../src/html/srcset.ts';

describe('refresh: where the URL stands (HTML, shared declarative refresh steps)', () => {
  /** The URL; null: nothing happens; `+` and a prefix: a URL can be added. */
  const rows: ReadonlyArray<readonly [string, string | null]> = [
    ['0;url=x', 'x'],
    ['0; URL=x', 'x'],
    ['0, uRl = x', 'x'],
    [' 5 url=x', 'x'],
    ['5 x', 'x'],
    ['5;x', 'x'],
    ['5;x y', 'x y'],
    ['5.5;url=x', 'x'],
    ['.;url=x', 'x'],
    ['5....; x', 'x'],
    ["0;url='x'y", 'x'],
    ['0;url="x', 'x'],
    ["0;'x'y", 'x'],
    ['0;url=', ''],
    ['0;url=""', ''],
    ['0;url', 'url'],
    ['0;u', 'u'],
    ['0;ur=x', 'ur=x'],
    ['0;urx', 'urx'],
    ['0;url x', 'url x'],
    ['0;url==x', '=x'],
    ['0;;x', ';x'],
    ['0;,x', ',x'],
    ['0\f;\turl=x', 'x'],
    ['', null],
    ['x', null],
    [';url=x', null],
    ['-1;url=x', null],
    ['5x;url=y', null],
    ['5s;url=y', null],
    ['+5;url=y', null],
    ['5', '+;url='],
    ['5.', '+;url='],
    ['5;', '+url='],
    ['5 ', '+url='],
    ['5 , ', '+url='],
  ];
  for (const [value, want] of rows) {
    it(JSON.stringify(value), () => {
      const found = parseRefresh(value);
      const text = found === null ? null : value.slice(found.start, found.end);
      expect(found !== null && found.prefix !== '' ? `+${found.prefix}` : text).to.equal(want);
    });
  }

  it('a URL added where it says is found there', () => {
    for (const [value, want] of rows) {
      const found = parseRefresh(value);
      if (found === null || found.prefix === '') continue;
      expect(want).to.match(/^\+/);
      const added = `${value.slice(0, found.start)}${found.prefix}/x`;
      const again = parseRefresh(added);
      expect(added.slice(again?.start, again?.end)).to.equal('/x');
    }
  });
});

describe('srcset: where its URLs stand (HTML §4.8.4.2)', () => {
  const rows: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['', []],
    [' , ,', []],
    ['a', ['a']],
    ['a 1x, b 2x', ['a', 'b']],
    ['a,b', ['a,b']],
    ['a, b', ['a', 'b']],
    ['a,, b', ['a', 'b']],
    ['a 1x,b 2x,', ['a', 'b']],
    [',a 100w , b', ['a', 'b']],
    ['data:x,y 1x, b', ['data:x,y', 'b']],
    ['a (x,y) 1x, b', ['a', 'b']],
    ['a (x,y', ['a']],
    ['a 1x 2x, b\n1x', ['a', 'b']],
    ['\ta\f1x\r,\nb', ['a', 'b']],
    ['a?x=1,2 1x, b', ['a?x=1,2', 'b']],
  ];
  for (const [value, want] of rows) {
    it(JSON.stringify(value), () =>
      expect(parseSrcset(value).map(({ start, end }) => value.slice(start, end))).to.deep.equal(want),
    );
  }

  it('takes no more than linear time', () => {
    const started = performance.now();
    for (const piece of [',', 'a,', 'a (', ' ', 'a 1x,']) parseSrcset(piece.repeat(200_000));
    expect(performance.now() - started).to.be.below(2000);
  });
});

describe('css: where the URLs of declarations stand', () => {
  const rows: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['', []],
    ['background: url(a)', ['a']],
    ['background:url( a )', ['a']],
    ['background:url("a b"), URL(\'c\' )', ['a b', 'c']],
    ['background:url()', []],
    ['background:url("")', []],
    ['background:url(a b)', []],
    ['background:url(a', []],
    ['background:url("a)', []],
    ['x:my-url(a) curl(b)', []],
    ['/* url(a) */ x:url(b)', ['b']],
    ['/* url(a)', []],
    ['content:"url(a)"; x:url(b)', ['b']],
    ['content:"\\"url(a)"; x:url(b)', ['b']],
    ['x:url(a\\)b)', []],
    ['x:image-set(url(a) 1x, "b" 2x)', ['a']],
  ];
  for (const [value, want] of rows) {
    it(JSON.stringify(value), () =>
      expect(parseCssUrls(value).map(({ start, end }) => value.slice(start, end))).to.deep.equal(want),
    );
  }

  it('takes no more than linear time', () => {
    const started = performance.now();
    for (const piece of ['url(', '"', "'\\", '/*', 'url("', 'url(a ']) parseCssUrls(piece.repeat(30_000));
    expect(performance.now() - started).to.be.below(2000);
  });
});
