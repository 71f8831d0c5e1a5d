/** The frames of a page, loaded with it: each by a tab of its own (HTML §4.8.5, "process the iframe attributes"). */
import { SimulatorError } from './fault.ts';
import type { Initiator, Snapshot } from './navigate.ts';
import type { FrameElement } from './page.ts';
import { asPolicy } from './referrer.ts';
import { isSameDocument } from './same-document.ts';
import { attribute } from './tree.ts';

/** What is needed of the tab in a frame. */
interface Frame {
  show(url: 'about:srcdoc' | 'about:blank', html: string, parent: Snapshot): Promise<void>;
  loadFrame(url: string, initiator: Initiator): Promise<void>;
}

/** Frames in frames: sites that nest deeper are loops. */
const MAX_FRAME_DEPTH = 5;
const MAX_FRAMES_PER_PAGE = 50;

/**
 * The frames that could be loaded, in the order of the page. `around` are the URLs of the page itself and of those around it,
 * `initiator` is the page, `open` makes the tab of a frame.
 */
export async function loadFrames<Tab extends Frame>(
  snapshot: Snapshot,
  around: readonly string[],
  initiator: Initiator,
  open: (element: FrameElement) => Tab,
): Promise<Tab[]> {
  if (around.length > MAX_FRAME_DEPTH) return [];
  const frames: Tab[] = [];
  for (const element of snapshot.page.frames.slice(0, MAX_FRAMES_PER_PAGE)) {
    const { url, srcdoc } = element;
    const frame = open(element);
    const policy = asPolicy(attribute(element.element, 'referrerpolicy')) ?? initiator.policy;
    try {
      if (srcdoc !== null) await frame.show('about:srcdoc', srcdoc, snapshot);
      // Empty, for links and forms to aim at.
      else if (url === null) await frame.show('about:blank', '', snapshot);
      // A frame is not loaded with the URL of a page around it.
      else if (!around.some((outer) => isSameDocument(outer, url)))
        await frame.loadFrame(url, { ...initiator, policy });
      else continue;
      frames.push(frame);
    } catch (error) {
      // A frame that does not load leaves a hole in the page, as in a browser; the exchange is on record.
      if (!(error instanceof SimulatorError)) throw error;
    }
  }
  return frames;
}
