import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { freemem } from 'node:os'
import { join } from 'node:path'

const BLOCK = 4 * 1024 * 1024
const MOST = 4 * 1024 ** 3

/**
 * Writes and deletes a large file. A virtual machine gets its memory from the host at the first touch, ten times slower than
 * later: without this the server that is measured first would pay for it. Returns the bytes touched.
 */
export function touchMemory(folder: string): number {
  const bytes = Math.min(MOST, Math.floor(freemem() / 2 / BLOCK) * BLOCK)
  const path = join(folder, 'touch')
  const file = openSync(path, 'w')
  try {
    const block = new Uint8Array(BLOCK)
    for (let at = 0; at < bytes; at += BLOCK) writeSync(file, block)
  } finally {
    closeSync(file)
    unlinkSync(path)
  }
  return bytes
}
