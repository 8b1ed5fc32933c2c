import type { WireReply } from './message.ts'
import { json } from './replies.ts'

const EXTENSIONS = JSON.stringify({
  extensions: [
    {
      name: '_oci',
      url: 'https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md',
      description: 'Which extensions this registry has',
      endpoints: ['_oci/ext/discover'],
    },
  ],
})

/** end-1: that this is a registry. */
export function base(): WireReply {
  return json('base', '{}')
}

/** The extensions there are (T6). */
export function discover(): WireReply {
  return json('discover', EXTENSIONS)
}

/** What `docker search` may ask before it searches (PROTOCOL 10.4). */
export function v1Ping(): WireReply {
  return json('v1-ping', '{"standalone":true}', { 'X-Docker-Registry-Standalone': 'true' })
}
