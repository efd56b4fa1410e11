import { find } from "./dom.js";

const JPEG_QUALITY = 0.95;

/** Opens the camera when its button is pressed. @param {(image: File) => void} take */
export function onCamera(take) {
  const dialog = find("camera");
  const video = dialog.querySelector("video");

  let opening = false;

  find("camera-open").onclick = async () => {
    if (opening) {
      return; // the browser may still be asking for permission; a second stream would never be stopped
    }
    opening = true;
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
      dialog.returnValue = "";
      dialog.showModal();
    } catch {
      find("capture").click(); // no camera, no permission, or no TLS: a phone's own camera still works
    } finally {
      opening = false;
    }
  };
  dialog.onclose = () => {
    if (dialog.returnValue === "take" && video.videoWidth > 0) {
      const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
      canvas.getContext("2d").drawImage(video, 0, 0);
      const type = "image/jpeg";
      canvas.convertToBlob({ type, quality: JPEG_QUALITY }).then(blob => take(new File([blob], "camera.jpg", { type })));
    }
    video.srcObject.getTracks().forEach(track => track.stop());
    video.srcObject = null;
  };
}
