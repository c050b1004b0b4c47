/** File systems in memory: for disks that are full and disks that lose their power. Linux, and root. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function command(name: string, ...args: readonly string[]): string {
  return execFileSync(name, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** What is undone at the end, last first, whatever happens. */
const undo: (() => void)[] = [];

process.once("exit", () => {
  for (const one of undo.toReversed())
    try {
      one();
    } catch {
      // It was undone already.
    }
});

export type Mounted = { readonly path: string; readonly unmount: () => void };

function mounted(path: string, ...args: readonly string[]): Mounted {
  mkdirSync(path, { recursive: true });
  command("mount", ...args, path);
  let isMounted = true;
  const unmount = (): void => {
    if (isMounted) command("umount", path);
    isMounted = false;
  };
  undo.push(unmount);
  return { path, unmount };
}

export function memoryDisk(path: string, megabytes: number): Mounted {
  return mounted(path, "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs");
}

export type Loop = Mounted & { readonly device: string };

/** The file system in an image. Written to the image only by a sync, or by the kernel when it pleases. */
export function imageDisk(path: string, image: string): Loop {
  const device = loopOf(image);
  const detach = (): void => void command("losetup", "--detach", device);
  undo.push(detach);
  const disk = mounted(path, "-t", "ext4", device);
  return {
    path,
    device,
    unmount() {
      disk.unmount();
      detach();
    },
  };
}

/** Somebody else may take the device between finding and using it. */
function loopOf(image: string): string {
  for (let tries = 1; ; tries += 1)
    try {
      return command("losetup", "--find", "--show", image);
    } catch (error) {
      if (tries === 5) throw error;
    }
}

/** Why nothing can be mounted here; undefined if it can. */
export function whyNoMounts(): string | undefined {
  if (process.platform !== "linux") return "it needs Linux";
  if (process.getuid?.() !== 0) return "it needs root";
  const folder = mkdtempSync(join(tmpdir(), "fanfold-mount-"));
  try {
    memoryDisk(folder, 1).unmount();
    return undefined;
  } catch (error) {
    return `nothing can be mounted: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    rmdirSync(folder);
  }
}

/** Why there are no images either. */
export function whyNoImages(): string | undefined {
  const whyNot = whyNoMounts();
  if (whyNot !== undefined) return whyNot;
  try {
    command("losetup", "--find");
    command("mkfs.ext4", "-V");
    return undefined;
  } catch (error) {
    return `no loop device or no mkfs.ext4: ${error instanceof Error ? error.message : String(error)}`;
  }
}
