/* Drawing on a white sheet: with a mouse, a pen or a finger; or with the keys, where the arrows move a pen and Space or Enter puts it down or lifts it. */

const WIDTH = 20, STEP = 10, INK = '#1c1712';

export interface Sheet {
  clear(): void;
  pixels(): ImageData;
}

/** mark: an element in the canvas's place that shows where the keys' pen is. changed: after every stroke. */
export function drawable(canvas: HTMLCanvasElement, mark: HTMLElement, changed: () => void): Sheet {
  const pen = canvas.getContext('2d', { willReadFrequently: true })!;
  let drawing = false, down = false, x = canvas.width / 2, y = canvas.height / 4;

  const begin = (px: number, py: number): void => {
    Object.assign(pen, { lineWidth: WIDTH, lineCap: 'round', lineJoin: 'round', strokeStyle: INK });
    pen.beginPath();
    pen.moveTo(px, py);
    pen.lineTo(px, py);
    pen.stroke();
    changed();
  };
  const go = (px: number, py: number): void => {
    pen.lineTo(px, py);
    pen.stroke();
    changed();
  };

  const at = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.width) / box.width, ((event.clientY - box.top) * canvas.height) / box.height];
  };
  canvas.addEventListener('pointerdown', (event) => {
    drawing = true;
    down = false;
    mark.hidden = true;
    canvas.setPointerCapture(event.pointerId);
    begin(...at(event));
  });
  canvas.addEventListener('pointermove', (event) => {
    if (drawing) for (const e of event.getCoalescedEvents?.() ?? [event]) go(...at(e));
  });
  for (const end of ['pointerup', 'pointercancel'] as const) canvas.addEventListener(end, () => (drawing = false));

  const show = (): void => {
    mark.hidden = false;
    mark.classList.toggle('down', down);
    mark.style.left = `${canvas.offsetLeft + (x / canvas.width) * canvas.offsetWidth}px`;
    mark.style.top = `${canvas.offsetTop + (y / canvas.height) * canvas.offsetHeight}px`;
  };
  const MOVES: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener('keydown', (event) => {
    const move = MOVES[event.key], toggles = event.key === ' ' || event.key === 'Enter';
    if ((!move && !toggles) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault(); // the page must not scroll
    if (move) {
      x = Math.min(Math.max(x + move[0] * STEP, WIDTH), canvas.width - WIDTH);
      y = Math.min(Math.max(y + move[1] * STEP, WIDTH), canvas.height - WIDTH);
      if (down) go(x, y);
    } else if ((down = !down)) begin(x, y);
    show();
  });
  canvas.addEventListener('focus', () => canvas.matches(':focus-visible') && show());
  canvas.addEventListener('blur', () => {
    down = false;
    mark.hidden = true;
  });

  return {
    clear: () => {
      pen.fillStyle = '#fff';
      pen.fillRect(0, 0, canvas.width, canvas.height);
      down = false;
      mark.hidden = true;
    },
    pixels: () => pen.getImageData(0, 0, canvas.width, canvas.height),
  };
}
