// Runs one Kernel app for TypeScript or JavaScript, one invocation after another. A copy of this file lies in the root of
// the unpacked archive, so that the app's own `@onkernel/sdk` is what is found from here.
//
//     host ──load──▶ environment variables, entrypoint, registries ──loaded──▶ host
//          ──run───▶ handler(context, payload) ──done, raised──▶              (one at a time)

import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const line = new net.Socket({ fd: Number(process.env.STOOK_REPLICA_FD), readable: true, writable: true });
const root = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
let most = 0;
let registries = [];
let failing = null; // rejects what runs now

class Refused extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
    this.stack = `${name}: ${message}`;
  }
}

async function load(frame) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, frame.env);
  most = frame.most;
  const entrypoint = path.join(root, frame.entrypoint);
  process.argv = [process.argv[0], entrypoint];
  await import(pathToFileURL(entrypoint).href);
  registries = await findRegistries();
  const apps = new Map();
  for (const registry of registries) for (const app of registry.getApps()) apps.set(app.name, app);
  if (!apps.size) {
    throw new Refused('EmptyRegistry', 'the entrypoint registers no app: it makes no kernel.app(...), or @onkernel/sdk ' +
      'was bundled into it, which must stay external');
  }
  return [...apps.values()].map((app) => ({
    name: app.name,
    actions: app.getActions().map((action) => ({ name: action.name, input_schema: null, output_schema: null })),
  }));
}

// The SDK is there twice, as ESM and as CommonJS, each with a registry of its own.
async function findRegistries() {
  const found = new Set();
  let missing = null;
  for (const get of [() => import('@onkernel/sdk'), async () => require('@onkernel/sdk')]) {
    try {
      const sdk = await get();
      const registry = sdk.appRegistry ?? sdk.default?.appRegistry;
      if (registry) found.add(registry);
    } catch (error) {
      missing = error;
    }
  }
  if (!found.size) {
    throw new Refused('SdkMissing', `@onkernel/sdk cannot be loaded from the app's node_modules: ` +
      `name it in package.json and leave it external (${missing?.message ?? 'it has no appRegistry'})`);
  }
  return [...found];
}

function actionOf(run) {
  for (const registry of [...registries].reverse()) {
    const action = registry.getAppByName(run.app)?.getAction(run.action);
    if (action) return action;
  }
  throw new Error(`app ${run.app} has no action ${run.action}`);
}

async function call(run) {
  let result;
  const failed = new Promise((_, reject) => { failing = reject; });
  failed.catch(() => {});
  try {
    const payload = run.payload === null ? undefined : JSON.parse(run.payload);
    const action = actionOf(run);
    result = await Promise.race([(async () => action.handler({ invocation_id: run.id }, payload))(), failed]);
  } catch (error) {
    const found = told(error);
    console.error(found.traceback);
    return { op: 'raised', error: found, spent: uncaught };
  } finally {
    failing = null;
  }
  let output;
  try {
    output = JSON.stringify(result) ?? 'null';
  } catch (error) {
    console.error(`the result is not JSON: ${error?.name}: ${error?.message}`);
    return { op: 'raised', error: { ...told(error), code: 'result_not_serializable' } };
  }
  const size = Buffer.byteLength(output);
  if (size > most) {
    const message = `the result has ${size} bytes of JSON, the limit is ${most}`;
    return { op: 'raised', error: { type: 'ResultTooLarge', message, code: 'result_too_large' } };
  }
  return { op: 'done', output };
}

let uncaught = false;

function told(error) {
  if (!(error instanceof Error) && !(error && typeof error === 'object' && 'message' in error)) {
    let message;
    try {
      message = typeof error === 'string' ? error : JSON.stringify(error) ?? String(error);
    } catch {
      message = String(error);
    }
    return { type: 'Error', message, traceback: `Error: ${message}`, file: null, line: null };
  }
  const type = String(error.name && error.name !== 'Error' ? error.name : error.constructor?.name ?? 'Error');
  const all = String(error.stack ?? `${type}: ${error.message}`).split('\n');
  const ours = all.findIndex((text) => text.includes(import.meta.url) || text.includes(fileURLToPath(import.meta.url)));
  const stack = all.slice(0, ours < 0 ? undefined : ours).join('\n') || `${type}: ${error.message}`;
  const [file, at] = place(stack, String(error.message));
  return { type, message: String(error.message), traceback: stack.slice(0, 30000), file, line: at };
}

function place(stack, message) {
  const importer = /imported from (?:file:\/\/)?(\/\S+)/.exec(message);
  if (importer) return [path.relative(root, importer[1]), null];
  for (const text of [stack, message]) {
    for (const found of text.matchAll(/(?:file:\/\/)?(\/[^\s():]+):(\d+)(?::\d+)?/g)) {
      const inside = path.relative(root, found[1]);
      const foreign = inside.startsWith('..') || inside.startsWith('node_modules') || found[1] === fileURLToPath(import.meta.url);
      if (!foreign) return [inside, Number(found[2])];
    }
  }
  return [null, null];
}

// ---------------------------------------------------------------------------------------------------------------- line

function send(frame) {
  const body = Buffer.from(JSON.stringify(frame));
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length);
  return new Promise((done) => line.write(Buffer.concat([size, body]), done));
}

async function take(frame) {
  if (frame.op === 'run') {
    await send({ op: 'began' });
    await send(await call(frame));
  } else if (frame.op === 'load') {
    const failed = new Promise((_, reject) => { failing = reject; });
    failed.catch(() => {});
    try {
      const apps = await Promise.race([load(frame), failed]);
      failing = null;
      await send({ op: 'loaded', apps });
    } catch (error) {
      await send({ op: 'failed', error: told(error) });
      process.exit(0);
    }
  }
}

function escaped(error) {
  uncaught = true;
  if (failing) {
    failing(error);
  } else {
    console.error(error);
    process.exit(1); // nothing runs that it could be a failure of
  }
}

process.on('uncaughtException', escaped);
process.on('unhandledRejection', escaped);

let pieces = [];
let held = 0;
let wanted = null;
line.on('data', (piece) => {
  pieces.push(piece);
  held += piece.length;
  for (;;) {
    if (wanted === null) {
      if (held < 4) return;
      pieces = [Buffer.concat(pieces)];
      wanted = pieces[0].readUInt32BE(0);
    }
    if (held < 4 + wanted) return;
    const all = Buffer.concat(pieces);
    const body = all.subarray(4, 4 + wanted);
    pieces = [all.subarray(4 + wanted)];
    held -= 4 + wanted;
    wanted = null;
    take(JSON.parse(body.toString()));
  }
});
line.on('end', () => process.exit(0));
line.on('error', () => process.exit(1));
