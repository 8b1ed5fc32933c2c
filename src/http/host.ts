const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/

/** Whether a Host header names one host: two Hosts arrive joined by a comma (SE-19), an HTTP/1.0 request may have none. */
export function isHost(value: string | null): boolean {
  return value !== null && value.length <= 255 && HOST.test(value)
}
