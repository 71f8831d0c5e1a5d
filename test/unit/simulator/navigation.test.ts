/** Navigations and parts of pages as Chromium asks for them: every field that tells who asks, why and with what cookies. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Browser, type Page } from '../../../src/simulator/index.ts';
import {
  type NavigationRecording,
  openStage,
  SCENARIOS,
  type Scenario,
  type Stage,
  type Watched,
} from '../../support/record-navigation.ts';

const scenarios = JSON.parse(readFileSync(new URL('scenarios.json', SCENARIOS), 'utf8')) as Scenario[];
const recording = JSON.parse(readFileSync(new URL('chromium.json', SCENARIOS), 'utf8')) as NavigationRecording;

/** HTML §4.10.21.3 step 26: `rel=noreferrer` of a form counts; Chromium does not look at it. */
const DIVERGENCES = new Set(['POST form with noreferrer']);
/** The URL of the part, as the page of the scenario writes it. */
const PART = /(?:src=|href=|fetch\()["']?([^\s"'>,)]+)/;

describe(`simulator: navigations as ${recording.browser} makes them`, () => {
  let stage: Stage;
  let browser: Browser;

  before(async () => {
    stage = await openStage();
  });
  after(() => stage.close());
  beforeEach(() => {
    const port = Number(new URL(stage.own).port);
    // The recorder's contexts are private windows, which have no third-party cookies.
    browser = new Browser({ cookies: 'first-party', connectTo: { localhost: { host: '127.0.0.1', port } } });
  });
  afterEach(() => browser.close());

  it('has a recording of each', () => {
    expect(Object.keys(recording.watched)).to.have.members(scenarios.map(({ name }) => name));
  });

  for (const scenario of scenarios) {
    it(scenario.name, async () => {
      const { watched, start, first } = stage.play(scenario);
      if (first !== null) await browser.open(first);
      const page = await browser.open(start);
      await act(page, scenario);
      const chromium = sorted(recording.watched[scenario.name]!);
      const own = sorted(await watched);
      if (DIVERGENCES.has(scenario.name)) expect(own, 'no longer differs').to.not.deep.equal(chromium);
      else expect(own).to.deep.equal(chromium);
    });
  }
});

async function act(page: Page, { do: what }: Scenario): Promise<void> {
  const part = PART.exec(page.html)?.[1] ?? '';
  switch (what) {
    case 'wait':
      return;
    case 'click':
      if (page.forms.length > 0) await page.submit({}, { button: '#go' });
      else await page.follow({ selector: '#go' });
      return;
    case 'go':
      await page.go('/watched');
      return;
    case 'fetch-post':
      await page.load(part, { as: 'fetch', method: 'POST', body: 'x' });
      return;
    default:
      await page.load(part, { as: what });
  }
}

/** The order of cookies with the same path is that of their making, to the millisecond, and so no matter here. */
function sorted({ fields, ...rest }: Watched): Watched {
  const { cookie, ...others } = fields;
  return {
    ...rest,
    fields: cookie === undefined ? others : { ...others, cookie: cookie.split('; ').sort().join('; ') },
  };
}
