// What somebody does who has nothing but the released SDK and a base URL. Run beside the SDK's own node_modules, with a
// ZIP of an app and its entrypoint; says what it saw as JSON.

import assert from 'node:assert';
import { createReadStream } from 'node:fs';
import Kernel from '@onkernel/sdk';

const [archive, entrypoint] = process.argv.slice(2);
const client = new Kernel();

const made = await client.deployments.create({
  file: createReadStream(archive), entrypoint_rel_path: entrypoint, env_vars: { GREETING: 'hi' },
});
const summaries = [];
let state = made.status;
for await (const event of await client.deployments.follow(made.id)) {
  if (event.event === 'app_version_summary') summaries.push(event.app_name);
  if (event.event === 'deployment_state') {
    state = event.deployment.status;
    if (['running', 'failed', 'stopped'].includes(state)) break;
  }
}
assert.equal(state, 'running', JSON.stringify(await client.deployments.retrieve(made.id)));

const call = { app_name: 'sums', action_name: 'add', version: 'latest' };
const sync = await client.invocations.create({ ...call, payload: '{"n": 1}' });
const bad = await client.invocations.create({ ...call, payload: '{"n": 7}' });
const queued = await client.invocations.create({ ...call, payload: '{"n": 2}', async: true });
const followed = [];
for await (const event of await client.invocations.follow(queued.id)) followed.push(event);

const payloads = Array.from({ length: 500 }, (_, n) => JSON.stringify({ n }));
const batch = await client.post('/invocations/batch', {
  body: { app_name: 'sums', action_name: 'add', payloads, max_concurrency: 5 }, maxRetries: 0,
});
const events = [];
const stream = await client.get(`/batch_jobs/${batch.batch_job_id}/events`, {
  stream: true, headers: { Accept: 'text/event-stream' },
});
for await (const event of stream) events.push(event);
const whole = await client.get(`/batch_jobs/${batch.batch_job_id}`);
const everything = [];
for await (const one of client.invocations.list({ limit: 90 })) everything.push(one.id);
const failed = [];
for await (const one of client.invocations.list({ status: 'failed', limit: 100 })) failed.push(JSON.parse(one.payload).n);
const apps = [];
for await (const one of client.apps.list({ app_name: 'sums' })) apps.push(one.version);

const errors = {};
for (const [name, ask] of Object.entries({
  'no app': () => client.invocations.create({ ...call, app_name: 'no' }),
  'bad payload': () => client.invocations.create({ ...call, payload: '{' }),
  browsers: () => client.browsers.create({}),
})) {
  try { await ask(); } catch (error) { errors[name] = [error.constructor.name, error.status, error.error?.code]; }
}
await client.deployments.delete(made.id);
const left = [];
for await (const one of client.deployments.list()) left.push(one.id);

console.log(JSON.stringify({
  summaries, apps, errors, left,
  sync: [sync.status, JSON.parse(sync.output)],
  bad: [bad.status, bad.status_reason],
  queued: queued.status,
  logs: followed.filter((one) => one.event === 'log').map((one) => one.message.trimEnd()),
  ended: followed.at(-1).invocation.status,
  last: [events.at(-1).event, events.at(-1).batch_job.status],
  counts: [whole.succeeded_count, whole.failed_count, whole.total_count],
  in_order: JSON.stringify(whole.invocations.map((one) => one.payload)) === JSON.stringify(payloads),
  everything: [everything.length, new Set(everything).size],
  failed: failed.sort((a, b) => a - b),
}));
