// docs/examples/subscriber.mjs, with every header checked against the committed JSON Schemas.
// `node checked_subscriber.mjs SCHEMAS RESULTS REPLAY [STATION_KEY PUBLIC_KEY SECRET_KEY]`: a message_id a line.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import Ajv from "ajv/dist/2020.js"
import { subscribe } from "./subscriber.mjs"

const [schemas, results, replay, ...curve] = process.argv.slice(2)
const ajv = new Ajv({ strict: false })
const checks = new Map()

function check(header) {
  const name = header.schema.replace(/\/1\.\d+$/, "-1")
  if (!checks.has(name)) checks.set(name, ajv.compile(JSON.parse(readFileSync(join(schemas, `${name}.json`)))))
  const valid = checks.get(name)
  if (!valid(header)) throw new Error(`${header.schema}: ${ajv.errorsText(valid.errors)}`)
}

const [curveServerKey, curvePublicKey, curveSecretKey] = curve
const keys = curveServerKey ? { curveServerKey, curvePublicKey, curveSecretKey } : {}
for await (const result of subscribe({ results, replay, since: 0, keys, check })) {
  console.log(result.message_id, [...checks.keys()].join(","))
}
