// Runs in the applet's frame. ipywidgets sends a chosen file as one message, and a server ends the connection at a message
// that is larger than it allows. So a larger photo is made smaller here, in the browser; if that fails, the page says so.
"use strict";
(() => {
  const LIMIT = @LIMIT@, page = window.frameElement.ownerDocument, area = window.frameElement.closest(".lprnet-applet");
  if (!area) return;
  const megabytes = size => (size / 1e6).toFixed(size < 1e7 ? 1 : 0) + " MB";

  function say(text, role) {
    const place = area.querySelector(".lprnet-message > .widget-html-content");
    const line = page.createElement("div");
    line.setAttribute("role", role);
    line.className = role === "alert" ? "" : "lprnet-busy";
    line.textContent = text;
    place.replaceChildren(line);
  }

  /** The picture as a JPEG file below the limit, in its own size if that fits. */
  async function smaller(file) {
    const bitmap = await page.defaultView.createImageBitmap(file);
    for (let scale = 1; scale > 0.05; scale *= 0.7) {
      const canvas = page.createElement("canvas");
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height].map(n => Math.max(1, Math.round(n * scale)));
      const context = canvas.getContext("2d");
      if (!context) continue;
      context.fillStyle = "white";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise(done => canvas.toBlob(done, "image/jpeg", 0.93));
      if (blob && blob.size <= LIMIT) return new page.defaultView.File([blob], file.name, { type: "image/jpeg" });
    }
    throw new Error("too large");
  }

  async function check(event) {
    const input = event.target, [file] = input.files;
    if (!file || event.lprnetDone) return;
    if (file.size <= LIMIT) return say(`Reading ${file.name}, ${megabytes(file.size)} ...`, "status");
    event.stopImmediatePropagation();
    say(`Making ${file.name} smaller: it has ${megabytes(file.size)}, and ${megabytes(LIMIT)} can be sent ...`, "status");
    try {
      const files = new page.defaultView.DataTransfer();
      files.items.add(await smaller(file));
      input.files = files.files;
    } catch {
      input.value = "";
      return say(`${file.name} was not loaded: it has ${megabytes(file.size)}, and this page can send ${megabytes(LIMIT)}. ` +
        "Save it smaller, as a JPEG file, and choose that.", "alert");
    }
    const again = new page.defaultView.Event("change");
    again.lprnetDone = true;
    input.dispatchEvent(again);
  }

  // the widget's file input is not in the page, so it is met at the moment when the widget clicks it
  page.addEventListener("click", event => {
    if (!event.target.closest?.(".lprnet-upload") || !area.contains(event.target)) return;
    const inputs = page.defaultView.HTMLInputElement.prototype;
    inputs.click = function () {
      delete inputs.click;
      if (this.type === "file" && !this.lprnetChecked) {
        this.lprnetChecked = true;
        this.addEventListener("change", check, true);
      }
      this.click();
    };
    setTimeout(() => delete inputs.click, 0);
  }, true);
})();
