// Follow a station's results without a gap, in Node.js. Written from docs/results.md; nothing of Linegate is needed.
//
//   npm install --omit=dev --no-package-lock
//   node subscriber.mjs --results tcp://127.0.0.1:5556 --replay tcp://127.0.0.1:5557 --since 0
//
// A station with keys:  --station-key cam1.key --key mes.key_secret

import { readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import * as zmq from "zeromq"

const PATIENCE_MS = 3000
const BATCH = 500
const HUNG_UP_TIMES = 3

// Yields each completed result once, in order of message_id, for ever: those after `since`, or from now on.
// `keys`: { curveServerKey, curvePublicKey, curveSecretKey }. `check` sees every header, as it came and as it is sent.
// Throws when the station turns us away.
export async function* subscribe({ results, replay, since, keys = {}, check = () => {} }) {
  let seen = since
  for await (const message of heard(results, keys)) {
    check(message)
    const isResult = "message_id" in message
    const newest = isResult ? message.message_id : message.last_message_id
    if (seen === undefined) {
      if (!isResult) seen = newest
    } else if (isResult && newest === seen + 1) {
      yield message
      seen = newest
    } else if (newest > seen || (!isResult && newest < seen)) {
      for await (const missed of history(replay, seen, newest, keys, check)) {
        yield missed
        seen = missed.message_id
      }
    }
  }
}

// Yields results and pulses as they come; connects anew when no pulse does, as some networks swallow all in silence.
async function* heard(results, keys) {
  for (;;) {
    const [live, door] = connected(zmq.Subscriber, results, { ...keys, receiveTimeout: PATIENCE_MS })
    live.subscribe("insp/1/")
    try {
      for await (const [topic, header] of live) {
        const kind = topic.toString().split("/").at(-2) // others are events, and what a newer station tells
        if (kind === "result" || kind === "status") yield JSON.parse(header)
      }
    } catch (error) {
      if (error.code !== "EAGAIN") throw error
      if (!door.shut) console.error(`warning: no pulse from ${results}`)
    } finally {
      live.close()
    }
    if (door.shut) throw door.shut
  }
}

// Yields what the journal holds after `seen`, up to `newest`. Without an answer it ends: the next pulse asks again.
async function* history(replay, seen, newest, keys, check) {
  do {
    const answer = await ask(replay, { schema: "insp.replay/1.1", since: seen, limit: BATCH }, keys, check)
    if (answer === undefined) return
    const { head, rows } = answer
    if (head.last_message_id > 0 && head.last_message_id < seen) {
      console.error(`warning: numbers have run back from ${seen} to ${head.last_message_id}: all of them come again`)
      seen = 0
      continue
    }
    for (const row of rows) {
      if (row.message_id !== seen + 1) {
        console.error(`warning: ${seen + 1} to ${row.message_id - 1} are lost: history begins at ${head.first_message_id}`)
      }
      yield row
      seen = row.message_id
    }
    if (rows.length === 0) return // the next one is not complete yet
  } while (seen < newest)
}

async function ask(replay, request, keys, check) {
  const timeouts = { sendTimeout: PATIENCE_MS, receiveTimeout: PATIENCE_MS }
  const [socket, door] = connected(zmq.Request, replay, { ...keys, ...timeouts })
  try {
    check(request)
    await socket.send(JSON.stringify(request))
    const [head, ...rows] = (await socket.receive()).map((frame) => JSON.parse(frame))
    for (const header of [head, ...rows]) check(header)
    if (head.error) throw new Error(head.error)
    return { head, rows }
  } catch (error) {
    if (door.shut || error.code !== "EAGAIN") throw door.shut ?? error
    console.error(`warning: no answer from ${replay}`)
    return undefined
  } finally {
    socket.close()
  }
}

// [a socket that reconnects by itself, its door: `shut` is why the station has turned us away, and closes the socket].
// No ZeroMQ heartbeats: libzmq 4.3.5 may end the process by them.
function connected(Kind, endpoint, options) {
  const socket = new Kind({ linger: 0, connectTimeout: PATIENCE_MS, ...options })
  const door = watched(socket, endpoint)
  try {
    socket.connect(endpoint)
  } catch {
    throw new Error(`'${endpoint}' is no endpoint: give the station's, as tcp://127.0.0.1:5556`)
  }
  return [socket, door]
}

// ZeroMQ does not try again after a key that is not known, and tries for ever after another's: its events tell.
function watched(socket, endpoint) {
  const door = { shut: undefined }
  const shut = (why) => {
    door.shut = new Error(`${endpoint} ${why}`)
    socket.close()
  }
  const otherKeys = () => shut("wants keys, or others: --station-key and --key")
  let hungUp = 0
  socket.events.on("handshake", () => (hungUp = 0))
  socket.events.on("handshake:error:auth", () => shut("does not know this client's key"))
  socket.events.on("handshake:error:protocol", otherKeys)
  socket.events.on("handshake:error:other", ({ error }) => {
    if (error?.code !== "ETIMEDOUT" && ++hungUp >= HUNG_UP_TIMES) otherKeys()
  })
  return door
}

// Key files are in ZeroMQ's certificate format: public-key = "…", and secret-key = "…" in NAME.key_secret.
function keysFrom(stationKey, ownKey) {
  if (!stationKey && !ownKey) return {}
  if (!stationKey || !ownKey) throw new Error("--station-key and --key go together")
  const value = (path, name) => {
    const found = readFileSync(path, "utf8").match(new RegExp(`${name} = "(.{40})"`))
    if (!found) throw new Error(`${path}: no ${name} in it`)
    return found[1]
  }
  return {
    curveServerKey: value(stationKey, "public-key"),
    curvePublicKey: value(ownKey, "public-key"),
    curveSecretKey: value(ownKey, "secret-key"),
  }
}

function asked() {
  const { values } = parseArgs({
    options: {
      results: { type: "string", default: "tcp://127.0.0.1:5556" },
      replay: { type: "string", default: "tcp://127.0.0.1:5557" },
      since: { type: "string" },
      "station-key": { type: "string" },
      key: { type: "string" },
    },
  })
  const { results, replay, since } = values
  if (since !== undefined && !/^\d{1,15}$/.test(since)) throw new Error(`--since ${since}: give a message_id, 0 = all`)
  const keys = keysFrom(values["station-key"], values.key)
  return { results, replay, since: since === undefined ? undefined : Number(since), keys }
}

function complain(error, code) {
  console.error(`error: ${error.message}`)
  process.exit(code)
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.stdout.on("error", () => process.exit(1)) // as `| head` does when it has enough
  let options
  try {
    options = asked()
  } catch (error) {
    complain(error, 2)
  }
  try {
    for await (const result of subscribe(options)) {
      const classes = result.defects.filter((defect) => defect.counts).map((defect) => defect.name)
      console.log(result.message_id, result.part_id, result.verdict, result.reason, ...classes)
    }
  } catch (error) {
    complain(error, 1)
  }
}
