/** Routes as a configuration file has them, compiled. */
import { parseConfig } from '../../src/config/load.ts';
import { compileRoutes, type RouteTable } from '../../src/policy/routes.ts';

export function routeTable(yaml: string): RouteTable {
  return compileRoutes(parseConfig(`upstream: http://127.0.0.1:1\n${yaml}`, 'routes.yaml'));
}
