/** The package's entry `transid/simulator`: a browser that refuses cookies, for tests of any web application. */
export { Browser, type BrowserOptions, DEFAULT_USER_AGENT } from './browser.ts';
export type { Fields, FieldValue } from './controls.ts';
export { SimulatorError, type SimulatorErrorCode } from './fault.ts';
export type { FileValue } from './form.ts';
export type { Cookie, CookieJar, CookieMode } from './jar.ts';
export type { Exchange, Hop } from './navigate.ts';
export type { Element, Link } from './page.ts';
export type { FormSummary, LinkTarget, Page, SubmitChoice } from './tab.ts';
