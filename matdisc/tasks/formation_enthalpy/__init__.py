"""Formation enthalpy: how close does a potential come to calorimetry?"""
