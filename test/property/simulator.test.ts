/** Whatever a page holds, the simulator reads it: nothing of a page may make the witness fall over, or take for ever. */
import { expect } from 'chai';
import fc from 'fast-check';
import { decodePage } from '../../src/simulator/charset.ts';
import { edgesOf } from '../../src/simulator/edges.ts';
import { buildSubmission } from '../../src/simulator/form.ts';
import { lintPage } from '../../src/simulator/lint.ts';
import { parsePage } from '../../src/simulator/page.ts';
import { parseRefresh } from '../../src/simulator/refresh.ts';
import { parseRobots } from '../../src/simulator/robots.ts';
import { SID_NAMES, sidOf, withoutSid } from '../../src/simulator/sid.ts';

const PIECES =
  '<a href=/x>|<a href="//[">|<form action=?>|</form>|<table>|<tr>|<td>|</table>|<input name=a form=f>|<form id=f method=post>|<select name=s>|<option>|<option selected>|</select>|<textarea name=t>|</textarea>|<template>|</template>|<svg>|<a xlink:href=/y>|<foreignObject>|</svg>|<script>|location="/z"|</script>|<style>|url(/u)|</style>|<base href="http://[">|<base href=/b/>|<meta http-equiv=refresh content="0;url=">|<iframe srcdoc="<a href=q>">|<frameset>|<frame src=x>|<fieldset disabled>|<legend>|<button formaction=/w>|<img usemap=#m>|<map name=m><area href=/v>|<!--|-->|<![CDATA[|]]>|&amp;|\u0000|"|\'|<|>|text'.split(
    '|',
  );
const markup = fc.array(
  fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PIECES) }, fc.string({ unit: 'binary', maxLength: 6 })),
  {
    maxLength: 60,
  },
);

describe('the simulator reads any page', () => {
  it('links, forms, edges, worklist and text of any markup', () => {
    fc.assert(
      fc.property(markup, (pieces) => {
        const page = parsePage(pieces.join(''), { url: 'http://x.example/dir/page?q', scripting: false });
        for (const edge of edgesOf(page, null)) expect(edge.url).to.match(/^https?:/);
        for (const form of page.forms) {
          for (const control of page.controls(form)) expect(page.formOwner(control)).to.equal(form);
          buildSubmission(page, form, null, new Map(), { charset: 'windows-1252' });
        }
        lintPage(page, SID_NAMES);
        expect(page.text).to.not.match(/ {2}|\n /);
      }),
      { numRuns: 500 },
    );
  });

  it('a segment that is long and may hold a SID', () => {
    for (const piece of ['-', 'a-', '_sid-']) {
      for (const end of ['', ')']) {
        const url = `http://x/(${piece.repeat(100_000)}${end}`;
        expect(sidOf(url, SID_NAMES) !== null).to.equal(piece === '_sid-' && end === ')');
        withoutSid(url, SID_NAMES);
      }
    }
  });

  it('a SID that is taken out of a URL is gone, and taking it out twice changes nothing', () => {
    const piece = fc.constantFrom('?', '&', ';', '/', '#', '_sid=', '(_sid-1)', '(S(1))', 'a', 'sid', '=', '1', 'b=2');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const clean = withoutSid(`http://x/${pieces.join('')}`, SID_NAMES);
        expect(withoutSid(clean, SID_NAMES)).to.equal(clean);
        expect(sidOf(clean, SID_NAMES)).to.equal(null);
      }),
      { numRuns: 2000 },
    );
  });

  it('a form in each of 5,000 rows in no more than its share of the time', () => {
    const row = '<tr><td><form method=post action=/x><input name=a><input name=b><button>Go</button></form>';
    const read = (rows: number): number => {
      const page = parsePage(`<table>${row.repeat(rows)}</table>`, { url: 'http://x.example/', scripting: false });
      const startedAt = process.cpuUsage();
      expect(edgesOf(page, null)).to.have.length(rows);
      return process.cpuUsage(startedAt).user;
    };
    read(500);
    expect(read(5000) / read(500)).to.be.below(60);
  });

  it('a form with a button in each of 5,000 rows: many of them, not all', () => {
    const rows = '<tr><td><input name=a><button formaction=/x>Delete</button>'.repeat(5000);
    const markup = `<form method=post action=/y><table>${rows}</table></form>`;
    const page = parsePage(markup, { url: 'http://x.example/', scripting: false });
    expect(edgesOf(page, null)).to.have.length(101);
  });

  for (const piece of [
    '<a"',
    '<a "',
    '<!--',
    '<script>',
    '<meta content="charset',
    '<a b=\'"',
    '<a b="',
    '<a b= ',
    '<?xml encoding',
  ]) {
    it(`a charset is looked for in any number of ${piece}`, () => {
      expect(decodePage(Buffer.from(piece.repeat(6000)), null).charset).to.equal('windows-1252');
    });
  }

  it('any refresh and any robots.txt', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        parseRefresh(text, 'http://x/', 'utf-8');
        parseRobots(`User-agent: *\nDisallow: ${text}`)('http://x/a?b');
      }),
    );
  });

  it('long and deep pages in linear time', () => {
    const startedAtMs = performance.now();
    for (const text of [
      '<b> </b>'.repeat(50_000),
      '<div>'.repeat(20_000),
      '<!--'.repeat(50_000),
      '<form><input name=a>'.repeat(2_000),
      `<script>${'"/'.repeat(50_000)}`,
    ]) {
      const page = parsePage(text, { url: 'http://x/', scripting: false });
      edgesOf(page, null);
      lintPage(page, SID_NAMES);
      expect(page.text).to.be.a('string');
    }
    parseRobots(`User-agent: *\nDisallow: /${'*a'.repeat(5_000)}b`)(`http://x/${'a'.repeat(20_000)}`);
    expect(performance.now() - startedAtMs).to.be.below(10_000);
  }).timeout(30_000);
});
