/**
 * What a watcher's error means, and what to do about it.
 */
import { StaleproofError } from 'staleproof'

/** True if the system will not watch more: what was not watched yet never will be. */
function isLimit(error: unknown): boolean {
  return ['ENOSPC', 'EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '')
}

export function watchError(folder: string, error: unknown): StaleproofError {
  const { code, message } = error as NodeJS.ErrnoException
  const details = { path: folder, cause: code }
  if (!isLimit(error)) {
    const text = `watching ${folder}: ${message}; changes there go unseen until that is mended`
    return new StaleproofError('E_SOURCE_WATCH_FAILED', text, { cause: error, details })
  }
  const text = `watching ${folder}: the system does not let us watch more files (${code}). ${remedy(code)}`
  return new StaleproofError('E_SOURCE_WATCH_LIMIT', text, { cause: error, details })
}

function remedy(code: string | undefined): string {
  const setting =
    code === 'ENOSPC' ? 'fs.inotify.max_user_watches=1048576' : 'fs.inotify.max_user_instances=1024'
  const raise = `Raise the limit with: sudo sysctl ${setting} (keep it in /etc/sysctl.d/staleproof.conf)`
  const files = code === 'ENOSPC' ? '' : ', and the limit of open files with: ulimit -n 65536'
  return `${raise}${files}; or set polling: true for this folder; or leave out what need not be watched with ignore.`
}
