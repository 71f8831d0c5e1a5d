/** Debian's Chromium, headless, with a profile of its own that says what its user has set for cookies. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser } from 'puppeteer-core';

const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

/** `block-all` is the switch in the settings: no cookie is kept or sent, and storage throws. */
export type CookieSetting = 'allow' | 'block-third-party' | 'block-all';

const PREFERENCES: Readonly<Record<CookieSetting, object>> = {
  allow: {},
  'block-third-party': { profile: { cookie_controls_mode: 1, block_third_party_cookies: true } },
  'block-all': { profile: { default_content_setting_values: { cookies: 2 } } },
};

export interface LaunchedChromium {
  readonly browser: Browser;
  /** Ends the browser and removes its profile. */
  close(): Promise<void>;
}

export async function launchChromium(cookies: CookieSetting, flags: readonly string[] = []): Promise<LaunchedChromium> {
  const profile = mkdtempSync(join(tmpdir(), 'transid-chromium-'));
  mkdirSync(join(profile, 'Default'));
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(PREFERENCES[cookies]));
  const browser = await puppeteer.launch({
    executablePath: '/usr/bin/chromium',
    userDataDir: profile,
    args: [...FLAGS, ...flags],
  });
  return {
    browser,
    close: async () => {
      await browser.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
