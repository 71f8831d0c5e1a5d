/** Where the simulation's script goes, in every cut of the page, and what a Content-Security-Policy then has to say. */
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { permitScript, ScriptStage } from '../../../src/response/script-stage.ts';

const IDENTITY = { write: (chunk: Buffer) => chunk, end: () => Buffer.alloc(0), editCount: 0 };

function insert(page: string, cut: number): string {
  const stage = new ScriptStage(IDENTITY, 'S');
  const bytes = Buffer.from(page, 'latin1');
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += cut) out.push(stage.write(bytes.subarray(at, at + cut)));
  out.push(stage.end());
  return Buffer.concat(out).toString('latin1');
}

describe('script stage: where the script goes', () => {
  for (const [page, want] of [
    ['<!doctype html><html><head><title>t</title>', '<!doctype html><html><head>@<title>t</title>'],
    ['<HTML LANG=en>\n<HEAD profile="a>b">\n<SCRIPT>', '<HTML LANG=en>\n<HEAD profile="a>b">@\n<SCRIPT>'],
    ['<!doctype html>\n<title>t</title><p>x', '<!doctype html>\n@<title>t</title><p>x'],
    ['<!-- <head> --><!DOCTYPE html><head><p>', '<!-- <head> --><!DOCTYPE html><head>@<p>'],
    ['<!----><!--><head>', '<!----><!-->@<head>'.replace('@<head>', '<head>@')],
    ['<p>no head', '@<p>no head'],
    ['<header>no head', '@<header>no head'],
    ['<h1>no head', '@<h1>no head'],
    ['plain text', '@plain text'],
    ['\u00ef\u00bb\u00bf<html><body>x', '\u00ef\u00bb\u00bf<html>@<body>x'],
    ['<?xml version="1.0"?><html xmlns="x"><head/><body>', '<?xml version="1.0"?><html xmlns="x"><head/>@<body>'],
    ['<!doctype html>', '<!doctype html>@'],
    // Quotes that do not begin a value are none.
    [`<html lang=en"><head><meta content="a > b">`, `<html lang=en"><head>@<meta content="a > b">`],
    [`<html lang=it's>\n<head class=a'b><p>don't`, `<html lang=it's>\n<head class=a'b>@<p>don't`],
    [`<html lang="en""><head title= "a>b" '><i title='>'>`, `<html lang="en""><head title= "a>b" '>@<i title='>'>`],
    [`<html title="a><head>`, `@<html title="a><head>`],
    ['<htm', '@<htm'],
    ['<!-- never closed', '@<!-- never closed'],
    ['', ''],
  ] as const) {
    it(JSON.stringify(page), () => {
      for (const cut of [1, 2, 3, 7, 1000])
        expect(insert(page, cut), `cut ${cut}`).to.equal(want.replace('@', '<script>S</script>'));
    });
  }

  it('gives up waiting after 16 KiB of prologue', () => {
    const stage = new ScriptStage(IDENTITY, 'S');
    const out = stage.write(Buffer.from(`<!--${'x'.repeat(20_000)}`)).toString();
    expect(out.startsWith('<script>S</script><!--xxx')).to.equal(true);
    expect(stage.editCount).to.equal(1);
  });

  it('sends at once what needs no waiting', () => {
    const stage = new ScriptStage(IDENTITY, 'S');
    expect(stage.write(Buffer.from('<p>')).toString()).to.equal('<script>S</script><p>');
    expect(stage.write(Buffer.from('more')).toString()).to.equal('more');
  });
});

describe('script stage: Content-Security-Policy', () => {
  const hash = `'sha256-${createHash('sha256').update('S').digest('base64')}'`;
  for (const [policy, want] of [
    ["default-src 'self'", `default-src 'self'; script-src-elem 'self' ${hash}`],
    ["img-src *; script-src 'none'", `img-src *; script-src ${hash}`],
    ["script-src 'self' 'unsafe-inline'", "script-src 'self' 'unsafe-inline'"],
    ["script-src 'unsafe-inline' 'nonce-x'", `script-src 'unsafe-inline' 'nonce-x' ${hash}`],
    ["script-src-elem 'self'; script-src 'none'", `script-src-elem 'self' ${hash}; script-src 'none'`],
    ['img-src *', 'img-src *'],
    ["script-src a, default-src 'none'", `script-src a ${hash},default-src 'none'; script-src-elem ${hash}`],
  ] as const) {
    it(policy, () => {
      const fields = permitScript(['Content-Security-Policy', policy, 'X', policy], 'S');
      expect(fields).to.deep.equal(['Content-Security-Policy', want, 'X', policy]);
    });
  }
});
