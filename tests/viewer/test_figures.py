"""3D figures."""

import numpy as np
from made_faces import made_face

from lprnet_utils.geometry import vertex_normals
from lprnet_utils.viewer import decimated, face_figure


def test_figure_is_small_and_shows_face_and_landmarks():
    face, _ = made_face()
    figure = face_figure(face)
    assert [trace.type for trace in figure.data] == ["mesh3d", "scatter3d"]
    assert len(figure.to_json()) < 500_000
    vertices, triangles, colors = decimated(face)
    assert triangles.max() == len(vertices) - 1 and 2500 < len(vertices) < 4500
    assert (vertex_normals(vertices, triangles)[np.argmax(vertices[:, 2])] @ [0, 0, 1]) > 0.7
    assert colors.shape == vertices.shape and len(figure.data[0].vertexcolor) == len(vertices)
    # eyes and mouth are closed: the only border is the outer one, which is not near them
    edges, count = np.unique(
        np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0, return_counts=True
    )
    border = vertices[edges[count == 1]].reshape(-1, 3)
    eyes_and_mouth = face.pose.camera.unproject(face.landmarks[36:68])
    assert np.linalg.norm(border[:, None] - eyes_and_mouth[None], axis=2).min() > 8
