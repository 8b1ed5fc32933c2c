import { join } from 'node:path'
import { programPath } from './programs.ts'
import { run } from './run.ts'

/** Files of a certificate that vouches for itself. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
}

/** Makes a certificate for the loopback address, good for a day, in a folder: `ca.crt` and `ca.key`. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const files = { certificate: join(folder, 'ca.crt'), key: join(folder, 'ca.key') }
  await run([
    programPath('openssl'),
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'],
    ...['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-out', files.certificate, '-keyout', files.key],
  ])
  return files
}
