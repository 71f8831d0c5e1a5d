/** Which settings of PHP hold where: a list of places, the first that fits counts. Pure. */
import type { PhpSetting } from './php-settings.ts';

/** Requests that have settings of their own. */
export interface Place {
  /** Empty for every host. */
  readonly hosts: readonly string[];
  /** And all below it; null for every path. */
  readonly path: string | null;
  /** All that holds there and not everywhere, by name. */
  readonly own: ReadonlyMap<string, PhpSetting>;
}

export function holdsEverywhere({ scope }: PhpSetting): boolean {
  return scope.host === null && scope.path === null;
}

/** By name. The last one counts, but what `php_admin_…` set only the like of it changes. */
export function lastOf(settings: readonly PhpSetting[]): Map<string, PhpSetting> {
  const last = new Map<string, PhpSetting>();
  for (const setting of settings) {
    if (last.get(setting.name)?.isAdmin === true && !setting.isAdmin) continue;
    last.set(setting.name, setting);
  }
  return last;
}

/**
 * A place for each host, each path and, where both have settings, both together: a longer path before a shorter, one host before
 * all. As Apache merges them: the host's before those of a <Location>, a <Location> of all hosts before one of the host, and
 * each <Location> that a path lies in, in the order of the file.
 */
export function groupByScope(settings: readonly PhpSetting[]): Place[] {
  const everywhere = settings.filter(holdsEverywhere);
  const local = settings.filter((one) => !holdsEverywhere(one));
  const rank = ({ scope }: PhpSetting): number => (scope.path === null ? 0 : scope.host === null ? 1 : 2);
  const ordered = [...everywhere, ...local.sort((a, b) => rank(a) - rank(b))];
  const hosts = [...new Set(local.map(({ scope }) => scope.host).filter((host) => host !== null)), null];
  const paths = [null, ...new Set(local.map(({ scope }) => bare(scope.path)).filter((path) => path !== null))];
  const places: Place[] = [];
  for (const path of paths.sort((a, b) => (b?.length ?? -1) - (a?.length ?? -1))) {
    const below = local.filter(({ scope }) => scope.path === null || isWithin(path, scope.path));
    for (const host of hosts) {
      const holding = below.filter(({ scope }) => scope.host === null || scope.host === host);
      const isNamed = holding.some(({ scope }) => bare(scope.path) === path && (path !== null || scope.host === host));
      const isOfHost = host === null || holding.some(({ scope }) => scope.host === host);
      if (!isNamed || !isOfHost) continue;
      const merged = lastOf(ordered.filter((one) => holdsEverywhere(one) || holding.includes(one)));
      const own = new Map([...merged].filter(([, setting]) => !holdsEverywhere(setting)));
      if (own.size > 0) places.push({ hosts: namesOf(host, local), path, own });
    }
  }
  return places;
}

/** With all the further names that any <VirtualHost> of that name has. */
function namesOf(host: string | null, settings: readonly PhpSetting[]): string[] {
  if (host === null) return [];
  const aliases = settings.filter(({ scope }) => scope.host === host).flatMap(({ scope }) => scope.aliases);
  return [...new Set([host, ...aliases])];
}

/** Without slashes at its end, which a pattern has not either. */
function bare(path: string | null): string | null {
  return path?.replace(/\/+$/, '') ?? null;
}

function isWithin(path: string | null, folder: string): boolean {
  const inside = bare(folder);
  return path !== null && (path === inside || path.startsWith(`${inside}/`));
}
