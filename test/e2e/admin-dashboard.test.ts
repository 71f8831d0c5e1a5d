/**
 * The dashboard in a real browser: drawn as meant on a desk and on a phone, light and dark, nothing loaded from elsewhere.
 * Screenshots go to a folder under the temporary one, for people and for CI to keep.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import puppeteer, { type Browser } from 'puppeteer-core';
import { type RunningAdmin, startAdmin } from '../../src/admin/server.ts';
import { createMetrics } from '../../src/observe/counting.ts';
import type { Outcome } from '../../src/proxy/outcome.ts';
import { createMemoryStore } from '../../src/session/memory.ts';
import { adminSource } from '../support/admin-source.ts';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const SCREENSHOTS = join(tmpdir(), 'transid-screenshots');

interface Seen {
  readonly title: string;
  readonly headings: string[];
  readonly tiles: string[];
  readonly overflow: number;
  readonly areas: Array<{ height: number; fill: string }>;
  readonly rows: string[];
  readonly ground: string;
  readonly text: string;
  readonly scripts: number;
}

const LOOK = `({
  title: document.title,
  headings: [...document.querySelectorAll('h2')].map((heading) => heading.textContent),
  tiles: [...document.querySelectorAll('.tiles dt')].map((tile) => tile.textContent),
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  areas: [...document.querySelectorAll('polygon.area')].filter((area) => area.getBoundingClientRect().width > 0).map((area) => ({
    height: area.getBoundingClientRect().height,
    fill: getComputedStyle(area).fill,
  })),
  rows: [...document.querySelectorAll('tr th[scope=row]')].map((cell) => cell.textContent),
  ground: getComputedStyle(document.body).backgroundColor,
  text: getComputedStyle(document.body).color,
  scripts: document.scripts.length,
})`;

/** An hour of traffic, made up but the same each time: the samples are fed by an injected clock. */
async function busyAdmin(): Promise<RunningAdmin> {
  let nowMs = Date.UTC(2026, 0, 2, 11, 0, 0);
  const metrics = createMetrics({ version: '9.9', clock: () => nowMs });
  const exchange = (changes: Partial<Outcome>) =>
    metrics.exchange({
      route: '/**',
      verdict: 'accepts',
      plan: 'pass',
      status: 200,
      event: 'none',
      foundBy: null,
      bytes: 900,
      fault: null,
      reason: null,
      durationMs: 9,
      upstreamMs: 7,
      ...changes,
    } as Outcome);
  metrics.watchStore(createMemoryStore({ maxSessions: 10, maxBytes: 1_000_000, clock: () => nowMs }));
  const source = adminSource([metrics], nowMs - 7_200_000);
  // A sample every few real milliseconds, while the injected clock goes on by a minute at each step.
  const admin = await startAdmin({ host: '127.0.0.1', port: 0 }, source, { clock: () => nowMs, sampleIntervalMs: 20 });
  for (let minute = 0; minute < 60; minute++) {
    nowMs += 60_000;
    const busy = 40 + Math.round(30 * Math.sin(minute / 9));
    for (let n = 0; n < busy; n++) {
      exchange({ upstreamMs: 3 + ((n * 7) % 40) });
      if (n % 3 === 0)
        exchange({ verdict: 'refuses', plan: 'rewrite', foundBy: 'target', route: '/widget/**', upstreamMs: 12 });
      if (n % 9 === 0) exchange({ verdict: 'unknown', plan: 'rewrite', event: 'created' });
      if (n % 20 === 0)
        exchange({ verdict: 'robot', plan: 'redirect', status: 301, reason: 'robot', upstreamMs: null });
    }
    metrics.marked({
      marks: { navigation: busy * 14, form: busy * 2, frame: minute % 3, header: busy },
      skips: { 'foreign-origin': busy * 3, 'fragment-only': busy, 'not-http': minute },
    });
    if (minute % 7 === 0) metrics.refused({ code: 'BAD_HOST' });
    if (minute % 11 === 0) metrics.refused({ code: 'UPSTREAM_TIMEOUT' });
    if (minute % 5 === 0) metrics.sidDropped('/admin/**');
    await setTimeout(30);
  }
  return admin;
}

describe('admin dashboard in Chromium [needs chromium]', function () {
  this.timeout(60_000);
  let browser: Browser;
  let admin: RunningAdmin;
  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    admin = await busyAdmin();
    browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', headless: true, args: FLAGS });
  });
  after(async () => {
    await browser?.close();
    await admin?.close();
  });

  for (const { name, width, height, scheme } of [
    { name: 'desk', width: 1280, height: 900, scheme: 'light' },
    { name: 'desk-dark', width: 1280, height: 900, scheme: 'dark' },
    { name: 'phone', width: 360, height: 740, scheme: 'light' },
  ] as const) {
    it(`${name}: all is there, fits the width, and loads nothing else`, async () => {
      const page = await browser.newPage();
      const asked: string[] = [];
      const complaints: string[] = [];
      page.on('request', (request) => asked.push(request.url()));
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.setViewport({ width, height, deviceScaleFactor: 1 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      const url = `http://127.0.0.1:${admin.port}/`;
      await page.goto(url, { waitUntil: 'load' });
      // The type is what LOOK returns: code for the browser is no TypeScript of this program.
      const seen = (await page.evaluate(LOOK)) as Seen;
      await page.screenshot({ path: join(SCREENSHOTS, `dashboard-${name}.png`), fullPage: true });
      await page.close();

      expect(seen.title).to.equal('transid: ready');
      expect(seen.headings).to.deep.equal([
        'Clients by verdict',
        'Marked, by place',
        'Left as it was, by reason',
        'Refused and cut, by reason',
        'Sessions',
        'Application',
        'Routes',
      ]);
      expect(seen.tiles).to.have.length(6);
      expect(seen.rows).to.include.members(['/admin/**', '/<odd>/**', '/**', 'navigation', 'BAD_HOST']);
      expect(seen.overflow, 'no sideways scrolling').to.equal(0);
      expect(seen.areas).to.have.length(5);
      expect(seen.areas[0]!.height).to.be.greaterThan(10);
      expect(new Set(seen.areas.map(({ fill }) => fill)).size, 'each verdict has a colour of its own').to.equal(5);
      expect(luminance(seen.ground) > 0.5, 'the ground follows the scheme').to.equal(scheme === 'light');
      expect(contrast(seen.ground, seen.text), 'WCAG AAA').to.be.greaterThan(7);
      expect(seen.scripts).to.equal(0);
      expect(asked.filter((each) => each !== url && !each.endsWith('/favicon.ico'))).to.deep.equal([]);
      expect(complaints.filter((text) => !text.includes('favicon') && !text.includes('404'))).to.deep.equal([]);
    });
  }
});

/** WCAG 2.2 relative luminance of `rgb(r, g, b)`. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (colour.match(/\d+(?:\.\d+)?/g) ?? []).map((part) => {
    const channel = Number(part) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
