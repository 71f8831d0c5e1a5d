/** One warning of `transid check`. */
import type { KeyPath } from '../config/problems.ts';

export interface Warning {
  readonly path: KeyPath;
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}
