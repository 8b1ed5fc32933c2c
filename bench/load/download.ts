import { dlopen, FFIType, ptr } from 'bun:ffi'
import type { Address } from './connection.ts'
import { type DriveOptions, type Load, loadOf } from './load.ts'

/*
 * A client for large answers that costs what a client in C does: it receives into one buffer, again and again, where a socket of
 * the runtime's makes a new array of every piece and is slower than the servers it measures. (Letting the kernel throw the
 * bytes away, MSG_TRUNC, was tried: the two cores then share the network's work differently from any real client's.)
 */

const AF_INET = 2
const SOCK_STREAM = 1
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const POLLIN = 1
const POLL_LIMIT = 30_000
const BUFFER = 256 * 1024

const { i32, i64, u64, pointer } = { ...FFIType, pointer: FFIType.ptr }

function openLibc() {
  return dlopen('libc.so.6', {
    socket: { args: [i32, i32, i32], returns: i32 },
    connect: { args: [i32, pointer, i32], returns: i32 },
    send: { args: [i32, pointer, u64, i32], returns: i64 },
    recv: { args: [i32, pointer, u64, i32], returns: i64 },
    poll: { args: [pointer, u64, i32], returns: i32 },
    close: { args: [i32], returns: i32 },
  }).symbols
}

type Libc = ReturnType<typeof openLibc>

interface Download {
  readonly fd: number
  /** Bytes of the body still to come; undefined until the head is here. */
  left: number | undefined
  since: number
}

/**
 * Asks for the same large body again and again, on every connection, for the time given. Blocks meanwhile. `length` is what each
 * answer must have; throws when one has another, or another status than 200.
 */
export function download(address: Address, options: DriveOptions, request: Uint8Array, length: number): Load {
  const libc = openLibc()
  const buffer = new Uint8Array(BUFFER)
  const downloads: Download[] = []
  const latencies: number[] = []
  try {
    const from = performance.now()
    const until = from + options.seconds * 1000
    for (let i = 0; i < options.connections; i++) {
      const download = { fd: connect(libc, address), left: undefined, since: 0 }
      downloads.push(download)
      ask(libc, download, request)
    }
    const polled = new Int32Array(downloads.length * 2)
    for (const [i, { fd }] of downloads.entries()) polled.set([fd, POLLIN], i * 2)
    for (let busy = downloads.length; busy > 0; ) {
      if (libc.poll(ptr(polled), downloads.length, POLL_LIMIT) <= 0)
        throw new Error('the server sends nothing')
      for (const [i, download] of downloads.entries()) {
        // struct pollfd: int fd; short events; short revents.
        if ((polled[i * 2 + 1] as number) >>> 16 === 0) continue
        if (!receive(libc, download, buffer, length)) continue
        const now = performance.now()
        latencies.push(now - download.since)
        if (now < until) ask(libc, download, request)
        else {
          busy--
          polled[i * 2] = -1
        }
      }
    }
    const seconds = (performance.now() - from) / 1000
    return loadOf(latencies, latencies.length * length, seconds)
  } finally {
    for (const { fd } of downloads) libc.close(fd)
  }
}

function connect(libc: Libc, { hostname, port }: Address): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0)
  // struct sockaddr_in: family in the machine's order (little-endian here), port and address in the network's.
  const name = new Uint8Array(16)
  name.set([AF_INET, 0, port >> 8, port & 255, ...hostname.split('.').map(Number)])
  if (libc.connect(fd, ptr(name), name.byteLength) !== 0) {
    libc.close(fd)
    throw new Error(`nothing listens on ${hostname}:${port}`)
  }
  return fd
}

function ask(libc: Libc, download: Download, request: Uint8Array): void {
  download.left = undefined
  download.since = performance.now()
  const sent = libc.send(download.fd, ptr(request), request.byteLength, MSG_NOSIGNAL)
  if (Number(sent) !== request.byteLength) throw new Error('the server closed the connection')
}

/** Takes what is there; whether the answer is whole. */
function receive(libc: Libc, download: Download, buffer: Uint8Array, length: number): boolean {
  if (download.left === undefined) {
    const got = Number(libc.recv(download.fd, ptr(buffer), buffer.byteLength, MSG_DONTWAIT))
    if (got <= 0) throw new Error('the server closed the connection')
    const seen = Buffer.from(buffer.buffer, 0, got)
    const end = seen.indexOf('\r\n\r\n')
    const text = seen.toString('latin1', 0, end)
    const announced = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1])
    if (end < 0 || text.slice(9, 12) !== '200' || announced !== length)
      throw new Error(`the server answered ${JSON.stringify(text.slice(0, 200))}`)
    download.left = length - (got - end - 4)
  } else {
    const got = Number(libc.recv(download.fd, ptr(buffer), Math.min(download.left, BUFFER), MSG_DONTWAIT))
    if (got <= 0) throw new Error('the server closed the connection')
    download.left -= got
  }
  return download.left === 0
}
