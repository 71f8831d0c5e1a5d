/**
 * Clients that bring a living SID and cookies of their own: whose cookies go upstream, and where those of the answer go. The table
 * by itself: test/unit/client/detect.test.ts.
 */
import { expect } from 'chai';
import { ask } from '../support/ask.ts';
import { SID, startProxy, type TestProxy } from '../support/proxy.ts';
import { type ScriptedUpstream, startUpstream } from '../support/scripted-upstream.ts';

const ROUTES = `routes:
  - { path: /named/**, use_trans_sid: true, session: { cookies: [SESS, "wp_*"] } }
  - { path: /probed/**, use_trans_sid: true, detect: probe }
  - { path: /mirror/**, use_trans_sid: true, session: { mode: mirror, cookie: SESS, name: id } }
  - { path: /told/**, use_trans_sid: true, expose: true }
  - { path: /**, use_trans_sid: true }
`;

describe('a SID and cookies of one’s own', () => {
  let upstream: ScriptedUpstream;
  let proxy: TestProxy;

  before(async () => {
    // Every page rolls the session cookie; what stands below /forum or /named sets one of its own.
    upstream = await startUpstream(({ target, fields }, response) => {
      const cookies = fields.cookie ?? '';
      response.setHeader('Content-Type', 'text/html');
      if (target.startsWith('/forum/')) response.setHeader('Set-Cookie', 'fsid=1; Path=/forum/');
      else if (target.startsWith('/named/lang')) response.setHeader('Set-Cookie', 'lang=de; Path=/');
      else if (target.startsWith('/named/login')) response.setHeader('Set-Cookie', 'SESS=ada; Path=/');
      else if (cookies.includes('SESS=')) response.setHeader('Set-Cookie', 'SESS=rolled; Path=/');
      response.end('<a href="/next">next</a>');
    });
    proxy = await startProxy(upstream.origin, ROUTES);
  });
  after(async () => {
    await proxy?.close();
    await upstream?.close();
  });

  async function send(target: string, fields: Record<string, string> = {}) {
    const answer = await ask(proxy.port, target, { host: 'own.test', fields });
    return { ...answer, cookie: upstream.requests.at(-1)?.fields.cookie, sid: SID.exec(answer.body)?.[1] };
  }
  const begin = async (target: string) => (await send(target)).sid ?? expect.fail('no SID');

  it('who is logged in by cookie shares no jar that holds nothing for the page', async () => {
    const planted = await begin('/forum/');
    const victim = await send(`/me?_sid=${planted}`, { cookie: 'SESS=victim' });
    expect(victim, 'a client with cookies').to.include({ status: 303, location: 'http://own.test/me' });
    await send(`/pic?_sid=${planted}`, { cookie: 'SESS=victim', accept: 'image/*' });
    expect((await send(`/me?_sid=${planted}`)).cookie, 'the planter').to.equal(undefined);
  });

  it('… nor do cookies that prove nothing go where the answer is kept', async () => {
    const planted = await begin('/named/lang');
    await send(`/named/x?_sid=${planted}`, { cookie: 'other=victim' });
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('lang=de');
  });

  it('only who brings a cookie of the jar with its value drops the session, not who has one of the same name', async () => {
    const shared = await begin('/forum/');
    const stranger = await send(`/forum/x?_sid=${shared}`, { cookie: 'fsid=2' });
    expect(stranger).to.include({ status: 303, location: 'http://own.test/forum/x' });
    expect(await send(`/forum/x?_sid=${shared}`), 'its owner goes on').to.include({ cookie: 'fsid=1', sid: shared });
    expect(await send(`/forum/x?_sid=${shared}`, { cookie: 'fsid=1' })).to.include({ status: 303 });
    expect((await send(`/forum/x?_sid=${shared}`)).cookie, 'dropped').to.equal(undefined);
  });

  it('`session.cookies` decides alone: a frame that keeps another cookie has its session in the jar', async () => {
    const frame = {
      'sec-fetch-site': 'same-origin',
      'sec-fetch-dest': 'iframe',
      'sec-fetch-storage-access': 'inactive',
    };
    const some = { ...frame, 'sec-fetch-mode': 'navigate', cookie: 'lang=de' };
    const sid = await begin('/named/lang');
    const login = await send(`/named/login?_sid=${sid}`, some);
    expect(login.setCookies, 'it may take that one, too').to.deep.equal(['SESS=ada; Path=/']);
    expect(login.sid).to.equal(sid);
    expect(await send(`/named/x?_sid=${sid}`, some)).to.include({ status: 200, cookie: 'lang=de; SESS=ada', sid });
    expect(await send(`/named/x?_sid=${sid}`, { ...some, cookie: 'lang=de; SESS=ada' })).to.include({ status: 303 });
  });

  it('… and outside of such frames any cookie of the jar proves a client with cookies, by its very value', async () => {
    const sid = await begin('/named/lang');
    const cookie = 'lang=de; cart=7';
    expect(await send(`/named/x?_sid=${sid}`, { cookie })).to.include({
      status: 303,
      location: 'http://own.test/named/x',
    });
    expect(await send('/named/x', { cookie })).to.include({ status: 200, cookie });
  });

  it('… and any that does not come, one without', async () => {
    const planted = await begin('/named/lang');
    const answer = await send(`/named/login?_sid=${planted}`, { cookie: 'other=victim' });
    expect(answer, 'nothing of it reaches the client').to.deep.include({ status: 200, setCookies: [] });
  });

  it('a name of `session.cookies` may end in *', async () => {
    const answer = await send('/named/lang', { cookie: 'wp_42=1' });
    expect(answer).to.include({ status: 200, cookie: 'wp_42=1', sid: undefined });
  });

  it('a partitioned cookie of `session.cookies` beats the word of the browser that it withholds cookies', async () => {
    const frame = { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe', 'sec-fetch-mode': 'navigate' };
    const fields = { ...frame, 'sec-fetch-storage-access': 'none', cookie: 'SESS=mine' };
    expect(await send('/named/x', fields)).to.include({ cookie: 'SESS=mine', sid: undefined });
    expect((await send('/x', fields)).cookie, 'any other may be a bystander').to.equal(undefined);
  });

  it('a frame of a foreign site that brings a bystander and none of the jar’s cookies goes by its SID', async () => {
    const sid = await begin('/forum/');
    const frame = {
      'sec-fetch-site': 'same-origin',
      'sec-fetch-dest': 'iframe',
      'sec-fetch-storage-access': 'inactive',
    };
    const answer = await send(`/forum/x?_sid=${sid}`, { ...frame, cookie: 'bystander=1' });
    expect(answer).to.deep.include({ status: 200, cookie: 'fsid=1', setCookies: [], sid });
  });

  it('`expose`: the application is told the verdict, and the SID where it must travel in URLs', async () => {
    const sid = await begin('/forum/');
    const told = async (target: string, fields: Record<string, string> = {}) => {
      await send(target, { ...fields, 'transid-client': 'forged', 'transid-sid': 'forged' });
      const { fields: got } = upstream.requests.at(-1)!; // it has just been asked
      return [got['transid-client'], got['transid-sid']];
    };
    expect(await told('/told/x')).to.deep.equal(['unknown', undefined]);
    expect(await told(`/told/x?_sid=${sid}`)).to.deep.equal(['unknown', `_sid=${sid}`]);
    expect(await told('/told/x', { cookie: 'a=1' })).to.deep.equal(['accepts', undefined]);
    expect(await told('/x'), 'elsewhere').to.deep.equal([undefined, undefined]);
  });

  it('a SID of ours in a return address is taken out on a route of mirror mode, too', async () => {
    await send(`/mirror/x?id=abc&next=%2Fx%3F_sid%3D${'0'.repeat(26)}&id2=1`, { accept: 'image/*' });
    expect(upstream.requests.at(-1)).to.include({ target: '/mirror/x?next=%2Fx&id2=1' });
  });

  it('`detect: probe`: the answered probe beats a SID', async () => {
    const planted = await begin('/forum/');
    const victim = await send(`/probed/x?_sid=${planted}`, { cookie: '_sid_probe=1; SESS=victim' });
    expect(victim).to.include({ status: 303, location: 'http://own.test/probed/x' });
  });

  it('… and its cookie is between the client and the proxy, beside a SID of mirror mode, too', async () => {
    await send('/mirror/x?id=abc', { cookie: 'theme=dark; id_probe=1', accept: 'image/*' });
    expect(upstream.requests.at(-1)?.fields.cookie).to.equal('SESS=abc; theme=dark');
  });
});
