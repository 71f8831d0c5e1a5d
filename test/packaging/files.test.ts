/**
 * The files that packagers read: held to what they promise, since CI has no container engine and no cluster.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { CERTIFICATE, CERTIFICATE_KEY } from '../support/certificate.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('files for packagers', () => {
  describe('Dockerfile', () => {
    const steps = read('Dockerfile')
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const stages = steps.filter((line) => line.startsWith('FROM '));
    const lastStage = steps.slice(steps.lastIndexOf(stages.at(-1) ?? ''));
    const of = (word: string) =>
      lastStage.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());

    it('knows its instructions only', () => {
      const known = /^(FROM|WORKDIR|COPY|RUN|ENV|VOLUME|USER|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD) /;
      expect(steps.filter((line) => !known.test(line))).to.deep.equal([]);
    });

    it('has two stages on a pinned line of Node', () => {
      expect(stages).to.have.length(2);
      for (const stage of stages) expect(stage).to.match(/^FROM node:\d+-\w+-slim( AS \w+)?$/);
    });

    it('runs as a user without rights, by exec forms, and takes SIGTERM', () => {
      expect(of('USER')).to.deep.equal(['node']);
      expect(of('STOPSIGNAL')).to.deep.equal(['SIGTERM']);
      expect(JSON.parse(of('ENTRYPOINT')[0] ?? '')).to.deep.equal(['node', 'dist/cli/main.js']);
      expect(JSON.parse(of('CMD')[0] ?? '')).to.include('serve');
      const health = /CMD (\[.*\])$/.exec(of('HEALTHCHECK')[0] ?? '')?.[1] ?? '';
      expect(JSON.parse(health)[0]).to.equal('node');
    });

    it('is healthy by any answer of the proxy, by http or https, and by nothing less', async () => {
      const health = /CMD (\[.*\])$/.exec(of('HEALTHCHECK')[0] ?? '')?.[1] ?? '';
      const [, ...args] = JSON.parse(health) as string[];
      const check = (port: number): Promise<number | null> =>
        new Promise((resolve, reject) => {
          const env = { ...process.env, TRANSID_HEALTH_PORT: String(port) };
          spawn(process.execPath, args, { env }).once('error', reject).once('exit', resolve);
        });
      let status = 200;
      const handler: RequestListener = (_, response) => response.writeHead(status).end('page');
      for (const server of [
        createServer(handler),
        createTlsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, handler),
      ]) {
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address() as AddressInfo;
        try {
          for (status of [200, 302, 404, 502]) expect(await check(port), `${status}`).to.equal(0);
        } finally {
          await new Promise((resolve) => server.close(resolve));
        }
        expect(await check(port), 'nothing listens').to.equal(1);
      }
    });

    it('copies nothing but what .dockerignore lets through, and installs nothing for development', () => {
      const allowed = read('.dockerignore')
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .map((line) => line.slice(1));
      const copied = steps
        .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
        .flatMap((line) => line.split(/\s+/).slice(1, -1));
      for (const path of copied) expect(allowed).to.include(path.replace(/^\.\//, ''));
      expect(steps.join('\n')).to.include('npm prune --omit=dev');
    });
  });

  describe('config/compose.yaml', () => {
    const compose = parse(read('config/compose.yaml'));

    it('starts the proxy, Redis and an application', () => {
      expect(Object.keys(compose.services)).to.deep.equal(['transid', 'redis', 'app']);
      expect(compose.services.transid).to.include({ build: '..', read_only: true });
    });

    it('has a configuration that transid accepts', () => {
      const config = parseConfig(compose.configs.transid.content, 'compose.yaml');
      expect(config.store.kind).to.equal('redis');
      expect(config.listen.port).to.equal(Number(compose.services.transid.ports[0].split(':')[1]));
      expect(String(config.admin?.port)).to.equal(compose.services.transid.environment.TRANSID_HEALTH_PORT);
    });

    it('gives the drain more time than it needs', () => {
      const config = parseConfig(compose.configs.transid.content, 'compose.yaml');
      expect(Number.parseInt(compose.services.transid.stop_grace_period, 10) * 1000).to.be.greaterThan(
        config.timeouts.drainMs,
      );
    });
  });

  describe('config/kubernetes.yaml', () => {
    const documents = parseAllDocuments(read('config/kubernetes.yaml')).map((one) => one.toJS());
    const deployment = documents.find((one) => one.kind === 'Deployment');
    const config = parseConfig(
      documents.find((one) => one.kind === 'ConfigMap').data['transid.yaml'],
      'kubernetes.yaml',
    );

    it('has a configuration that transid accepts, with a store that pods share', () => {
      expect(config.store.kind).to.equal('redis');
    });

    it('probes and ports are those of the configuration', () => {
      const [container] = deployment.spec.template.spec.containers;
      const ports = Object.fromEntries(
        container.ports.map((one: { name: string; containerPort: number }) => [one.name, one.containerPort]),
      );
      expect(ports).to.deep.equal({ http: config.listen.port, admin: config.admin?.port });
      expect(container.livenessProbe.httpGet).to.deep.equal({ path: '/healthz', port: 'admin' });
      expect(container.readinessProbe.httpGet).to.deep.equal({ path: '/readyz', port: 'admin' });
    });

    it('gives the drain more time than it needs and the process no rights', () => {
      expect(deployment.spec.template.spec.terminationGracePeriodSeconds * 1000).to.be.greaterThan(
        config.timeouts.drainMs,
      );
      expect(deployment.spec.template.spec.securityContext.runAsNonRoot).to.equal(true);
      expect(deployment.spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem).to.equal(true);
    });
  });

  describe('config/transid.service', () => {
    const settings = new Map(
      read('config/transid.service')
        .split('\n')
        .filter((line) => /^\w+=/.test(line))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );

    it('starts, reloads and stops as the program expects', () => {
      expect(settings.get('ExecStart')).to.match(/ transid serve -c \/etc\/transid\/transid\.yaml$/);
      expect(settings.get('ExecReload')).to.equal('/bin/kill -HUP $MAINPID');
      expect(settings.get('KillSignal')).to.equal('SIGTERM');
      expect(Number.parseInt(settings.get('TimeoutStopSec') ?? '', 10)).to.be.greaterThan(30);
    });

    it('is hardened', () => {
      const wanted = {
        DynamicUser: 'yes',
        NoNewPrivileges: 'yes',
        ProtectSystem: 'strict',
        ProtectHome: 'yes',
        PrivateTmp: 'yes',
        SystemCallFilter: '@system-service',
      };
      for (const [key, value] of Object.entries(wanted)) expect(settings.get(key), key).to.equal(value);
      expect(settings.has('MemoryDenyWriteExecute'), 'V8 could not compile').to.equal(false);
    });
  });
});
