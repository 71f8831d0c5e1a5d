/** What the primary process and its workers say to each other. Plain data: it goes through node:cluster's channel as JSON. */
import type { MetricsReading } from '../observe/metrics.ts';

export type ToWorker =
  /** Begin to serve. `file` is for messages and for file names relative to it; `logKey` is hexadecimal. */
  | {
      readonly kind: 'start';
      readonly text: string;
      readonly file: string;
      readonly logKey: string;
      readonly sweeps: boolean;
    }
  /** Put another configuration to work; the primary has found it valid. */
  | { readonly kind: 'reload'; readonly text: string }
  | { readonly kind: 'read'; readonly id: number }
  /** Drain and end. */
  | { readonly kind: 'stop' };

export type ToPrimary =
  /** Ready to be told to start. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'listening'; readonly host: string; readonly port: number }
  /** Cannot start; the process ends. */
  | { readonly kind: 'failed'; readonly reason: string }
  | {
      readonly kind: 'reading';
      readonly id: number;
      readonly reading: MetricsReading;
      readonly isStoreAvailable: boolean;
    };
