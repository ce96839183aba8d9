"""Whom to cite for packages and training data that cards and records name, as cards write it."""

from __future__ import annotations

CHGNET = (
    "B. Deng et al., CHGNet as a pretrained universal neural network potential for charge-informed atomistic "
    "modelling, Nat. Mach. Intell. 5, 1031 (2023), doi:10.1038/s42256-023-00716-3"
)
MATTERSIM = (
    "H. Yang et al., MatterSim: a deep learning atomistic model across elements, temperatures and pressures (2024), "
    "arXiv:2405.04967"
)
MATERIALS_PROJECT = (
    "A. Jain et al., Commentary: The Materials Project: a materials genome approach to accelerating materials "
    "innovation, APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323"
)
ALEXANDRIA = (
    "J. Schmidt et al., Machine-learning-assisted determination of the global zero-temperature phase diagram of "
    "materials, Adv. Mater. 35, 2210788 (2023), doi:10.1002/adma.202210788"
)
OMAT24 = (
    "L. Barroso-Luque et al., Open Materials 2024 (OMat24) inorganic materials dataset and models (2024), "
    "arXiv:2410.12771"
)
MATPES = "A. D. Kaplan et al., A foundational potential energy surface dataset for materials (2025), arXiv:2503.04070"
PHONOPY = (
    "A. Togo, L. Chaput, T. Tadano and I. Tanaka, Implementation strategies in phonopy and phono3py, J. Phys.: "
    "Condens. Matter 35, 353001 (2023), doi:10.1088/1361-648X/acd831"
)

SOFTWARE = {
    "alignn": "K. Choudhary and B. DeCost, Atomistic line graph neural network for improved materials property "
    "predictions, npj Comput. Mater. 7, 185 (2021), doi:10.1038/s41524-021-00650-1",
    "ase": "A. Hjorth Larsen et al., The atomic simulation environment—a Python library for working with atoms, J. "
    "Phys.: Condens. Matter 29, 273002 (2017), doi:10.1088/1361-648X/aa680e",
    "chgnet": CHGNET,
    "mace-torch": "I. Batatia et al., MACE: higher order equivariant message passing neural networks for fast and "
    "accurate force fields (2022), arXiv:2206.07697",
    "matgl": "T. W. Ko et al., Materials Graph Library (MatGL), an open-source graph deep learning library for "
    "materials science and chemistry, npj Comput. Mater. 11, 253 (2025), doi:10.1038/s41524-025-01742-y",
    "mattersim": MATTERSIM,
    "numba": "S. K. Lam, A. Pitrou and S. Seibert, Numba: a LLVM-based Python JIT compiler (2015), "
    "doi:10.1145/2833157.2833162",
    "numpy": "C. R. Harris et al., Array programming with NumPy, Nature 585, 357 (2020), doi:10.1038/s41586-020-2649-2",
    "orb-models": "B. Rhodes et al., Orb-v3: atomistic simulation at scale (2025), arXiv:2504.06231",
    "pandas": "W. McKinney, Data structures for statistical computing in Python (2010), "
    "doi:10.25080/Majora-92bf1922-00a",
    "phono3py": PHONOPY,
    "phonopy": PHONOPY,
    "pymatgen": "S. P. Ong et al., Python Materials Genomics (pymatgen): a robust, open-source python library for "
    "materials analysis, Comput. Mater. Sci. 68, 314 (2013), doi:10.1016/j.commatsci.2012.10.028",
    "ray": "P. Moritz et al., Ray: a distributed framework for emerging AI applications (2018), arXiv:1712.05889",
    "scikit-learn": "F. Pedregosa et al., Scikit-learn: machine learning in Python, J. Mach. Learn. Res. 12, 2825 "
    "(2011), arXiv:1201.0490",
    "scipy": "P. Virtanen et al., SciPy 1.0: fundamental algorithms for scientific computing in Python, Nat. Methods "
    "17, 261 (2020), doi:10.1038/s41592-019-0686-2",
    "sevenn": "Y. Park et al., Scalable parallel algorithm for graph neural network interatomic potentials in "
    "molecular dynamics simulations, J. Chem. Theory Comput. 20, 4857 (2024), doi:10.1021/acs.jctc.4c00190",
    "tblite": "C. Bannwarth et al., Extended tight-binding quantum chemistry methods, WIREs Comput. Mol. Sci. 11, "
    "e1493 (2021), doi:10.1002/wcms.1493",
    "torch": "A. Paszke et al., PyTorch: an imperative style, high-performance deep learning library, Adv. Neural Inf. "
    "Process. Syst. 32, 8024 (2019), arXiv:1912.01703",
    "torch-geometric": "M. Fey and J. E. Lenssen, Fast graph representation learning with PyTorch Geometric (2019), "
    "arXiv:1903.02428",
}
"""By the name that a registry has for the package."""

TRAINING = {
    "Alex": ALEXANDRIA,
    "GNoME": "A. Merchant et al., Scaling deep learning for materials discovery, Nature 624, 80 (2023), "
    "doi:10.1038/s41586-023-06735-9",
    "MP 2018": MATERIALS_PROJECT,
    "MP 2022": MATERIALS_PROJECT,
    "MP Graphs": "C. Chen et al., Graph networks as a universal machine learning framework for molecules and crystals, "
    "Chem. Mater. 31, 3564 (2019), doi:10.1021/acs.chemmater.9b01294",
    "MP r2SCAN": "R. Kingsbury et al., Performance comparison of r2SCAN and SCAN metaGGA density functionals for solid "
    "materials via an automated, high-throughput computational workflow, Phys. Rev. Mater. 6, 013801 (2022), "
    "doi:10.1103/PhysRevMaterials.6.013801",
    "MPF": "C. Chen and S. P. Ong, A universal graph deep learning interatomic potential for the periodic table, Nat. "
    "Comput. Sci. 2, 718 (2022), doi:10.1038/s43588-022-00349-3",
    "MPtrj": CHGNET,
    "MatPES-PBE": MATPES,
    "MatPES-r2SCAN": MATPES,
    "MatterSim": MATTERSIM,
    "OMat24": OMAT24,
    "OpenLAM": "A. Peng et al., The OpenLAM challenges (2025), arXiv:2501.16358",
    "sAlex": f"{ALEXANDRIA}; {OMAT24}",
}
"""By the name that `training_sets` of a card has for it."""

OTHERS = (
    "J. Riebesell et al., A framework to evaluate machine learning crystal stability predictions, Nat. Mach. Intell. "
    "7, 836 (2025), arXiv:2308.14920, doi:10.1038/s42256-025-01055-1",
    "H.-C. Wang, S. Botti and M. A. L. Marques, Predicting stable crystalline compounds using chemical similarity, npj "
    "Comput. Mater. 7, 12 (2021), doi:10.1038/s41524-020-00481-6",
    "A. Wang et al., A framework for quantifying uncertainty in DFT energy corrections, Sci. Rep. 11, 15496 (2021), "
    "doi:10.1038/s41598-021-94550-5",
)
"""What cards cite often, with the titles that they leave out."""
